"""What it costs to keep a rollout as an MLflow trace.

    python -m bench.traces [--rollouts 64]

Logs the expert's episodes to a new SQLite MLflow, four at a time as a training step does, and
prints milliseconds of CPU (of all threads) and of waiting for each trace.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import mlflow

from ledgerline.environments.scripted import play
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.training.mlflow_traces import log_traces
from ledgerline.training.rollouts import Rollout
from tasks.params import load_params
from tasks.practice import filings_task
from tasks.rules import PracticeParams

A_STEP = 4


def expert_rollouts(facts: Path, examples: Path, number: int) -> list[Rollout]:
    """The expert's episodes of the first `number` examples."""
    rollouts = []
    with Store.open(facts, read_only=True) as store:
        task = filings_task(load_params(Path("params.yaml"), PracticeParams), Search(store))
        for item in read_jsonl(examples)[:number]:
            done = play(task.make(), task.fields(item), task.limits, task.expert(item))
            earned, solved = task.score(done, item), task.succeeded(done, item)
            rollouts.append(Rollout(item, 0, [], [], [], done, earned, solved))
    return rollouts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=Path, default=Path("data/clean/facts.sqlite"))
    parser.add_argument("--examples", type=Path, default=Path("data/examples/train.jsonl"))
    parser.add_argument("--rollouts", type=int, default=64)
    arguments = parser.parse_args()
    rollouts = expert_rollouts(arguments.facts, arguments.examples, arguments.rollouts)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    cpu, waiting = [], []
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("traces")
        with mlflow.start_run():
            for start in range(0, len(rollouts), A_STEP):
                chosen = rollouts[start : start + A_STEP]
                processor, wall = time.process_time(), time.perf_counter()
                log_traces(start // A_STEP, chosen)
                waiting.append(1000 * (time.perf_counter() - wall) / len(chosen))
                mlflow.flush_trace_async_logging()
                cpu.append(1000 * (time.process_time() - processor) / len(chosen))
    print(
        f"{statistics.median(cpu[1:]):.1f} ms of CPU a trace, of which the step waits "
        f"{statistics.median(waiting[1:]):.1f} ms"
    )


if __name__ == "__main__":
    main()
