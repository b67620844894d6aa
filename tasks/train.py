"""Stage `train`: GRPO on multi-turn rollouts, from the base policy."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import orjson
from rich.console import Console

from ledgerline.durable import replacing_directory, write_bytes, write_text
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.examples.synthesize import with_difficulty
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.policy import Policy
from ledgerline.training.checkpoint import manifest
from ledgerline.training.mlflow_traces import chosen, log_traces
from ledgerline.training.processes import Processes
from ledgerline.training.settings import TrainerSettings
from ledgerline.training.traces import RunLog
from ledgerline.training.trainer import StepReport, Trainer
from tasks.practice import (
    DIFFICULTY,
    PolicyParams,
    filings_task,
    read_difficulty,
    success_rate,
)
from tasks.stage import run_stage
from tasks.tracking import StageRun, stage_run

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples")
BASE = Path("models/base")
POLICY = Path("models/policy")
CHECKPOINTS = Path("models/checkpoints")
ROLLOUTS = Path("data/rollouts/rollouts.jsonl")
SUMMARY = Path("reports/train.json")
CURVE = Path("reports/train.csv")


class TrainParams(PolicyParams):
    """What the stage reads of params.yaml."""

    train: TrainerSettings


def main(params: TrainParams) -> None:
    """Train with progress shown; log metrics and sampled rollouts; write the policy.

    All processes train; the main one does the rest.
    """
    settings = params.train
    processes = Processes()
    policy = Policy.load(BASE, params.policy.attention)
    if params.policy.gradient_checkpointing:
        policy.checkpoint_gradients()
    if params.policy.adapter:
        policy.add_adapter(params.policy.adapter, settings.seed)
    checkpoints = CHECKPOINTS / _fingerprint(params)
    items = with_difficulty(read_jsonl(settings.examples), read_difficulty())
    with (
        Store.open(FACTS, read_only=True) as store,
        policy.engine(params.policy, BASE) as engine,
    ):
        task = filings_task(params, Search(store))
        trainer = Trainer(policy, engine, task, items, settings, checkpoints)
        validation = read_jsonl(EXAMPLES / "validation.jsonl")[: settings.validation]

        def solved() -> float:
            return success_rate(policy, engine, task, validation)

        if not processes.main:
            trainer.run(lambda _: None, lambda _: solved())
            return
        with stage_run("train", params) as run:
            log = _practise(trainer, run, solved)
            best, success = trainer.best.step, trainer.best.success
            lines = [json.dumps(rollout) for rollout in log.rollouts()]
            write_text(ROLLOUTS, "\n".join(lines) + "\n")
            run.attach(ROLLOUTS)
            Console().print(f"validation: {success:.1%} solved, at best, after {best} steps")
    policy.merge_adapter()
    history = log.history()
    with replacing_directory(POLICY) as folder:
        policy.save(folder)
    summary = {
        "steps": settings.steps,
        "rollouts": sum(step["rollouts"] for step in history),
        "best_step": best,
        "validation_success": success,
        "seconds_rollout": round(sum(step["seconds_rollout"] for step in history), 1),
        "seconds_update": round(sum(step["seconds_update"] for step in history), 1),
    }
    write_bytes(SUMMARY, orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    write_text(CURVE, _curve(history))
    shutil.rmtree(CHECKPOINTS, ignore_errors=True)


def _practise(trainer: Trainer, run: StageRun, solved: Callable[[], float]) -> RunLog:
    """Train, with each step shown and logged; what was written down of the steps.

    `solved` is the share of validation examples that the policy solves.
    """
    settings, console = trainer.settings, Console()
    log = RunLog(trainer.folder, settings.logged_rollouts, trainer.policy.codec.decode)

    def report(step: StepReport) -> None:
        run.log(step.metrics, step.step)
        log.write(step.step, step.metrics, step.rollouts, step.probes)
        log_traces(step.step, chosen(step.rollouts, settings.logged_rollouts))
        console.print(_line(step, settings.steps), highlight=False)
        for alarm in step.alarms:
            console.print(f"[bold yellow]alarm ({alarm.action}):[/] {alarm.message}")

    def validate(step: int) -> float:
        success = solved()
        run.log({"validation_success": success}, step)
        console.print(f"validation: {success:.1%} solved", highlight=False)
        return success

    trainer.run(report, validate)
    return log


def _fingerprint(params: TrainParams) -> str:
    """Names what a checkpoint belongs to: a run with other inputs must not resume from it."""
    files = (params.train.examples, EXAMPLES / "validation.jsonl", DIFFICULTY)
    content = [
        params.model_dump(mode="json", include={"train", "policy", "rubric", "limits"}),
        Processes().number,
        manifest(BASE),
        *(hashlib.sha256(path.read_bytes()).hexdigest() for path in files),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _line(report: StepReport, steps: int) -> str:
    metrics = report.metrics
    return (
        f"step {report.step + 1:3d}/{steps}  reward {metrics['reward']:+.3f}  "
        f"solved {metrics['success']:5.1%}  silent {metrics['outcome_abstained']:5.1%}  "
        f"signal {metrics['share_with_signal']:5.1%}  turns {metrics['turns']:.2f}  "
        f"{metrics['rollouts']:.0f} rollouts in {metrics['seconds_rollout']:.1f} s, "
        f"update {metrics['seconds_update']:.1f} s"
    )


def _curve(history: list[dict[str, float]]) -> str:
    columns = list(dict.fromkeys(name for step in history for name in step))
    text = StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


if __name__ == "__main__":
    run_stage("train", TrainParams, main)
