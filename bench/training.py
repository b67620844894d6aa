"""How fast our GRPO step is beside TRL's, and how near to what the machine can do.

    python -m bench.training [--base models/base] [--steps 5] [--prompts 32] [--group 8]

Both sides play the same prompts in the same environment from the same base, and learn from
every rollout (at a learning rate so small that both keep playing the base). The first step of
each is not counted. `--side ours` leaves TRL out; `--profile` shows where our Python time goes.
`--clock cpu` measures CPU time: on a busy machine, and with OMP_NUM_THREADS=1, that is what the
wall clock of a quiet one would show.
"""

import argparse
import cProfile
import itertools
import pstats
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from bench.floors import Floors, floors
from bench.measured import Measured
from ledgerline.examples.example import Example
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.policy import Policy
from ledgerline.training.settings import TrainerSettings
from ledgerline.training.task import Task
from ledgerline.training.trainer import StepReport, Trainer
from tasks.params import load_params
from tasks.practice import filings_task
from tasks.train import TrainParams

LEARNING_RATE = 1e-7


class InOrder:
    """A sampler that hands the items out one after the other, each once."""

    def __init__(self) -> None:
        self._next = 0

    def draw(self, number: int, step: int) -> list[int]:
        self._next += number
        return list(range(self._next - number, self._next))

    def update(self, index: int, successes: int, trials: int) -> None:
        """What was solved doesn't change the order."""


def same_work(settings: TrainerSettings, steps: int, prompts: int, group: int) -> TrainerSettings:
    """The step of params.yaml, but learning from every group and hardly moving."""
    return settings.model_copy(
        update={
            "steps": steps + 1,
            "groups": prompts,
            "group_size": group,
            "refills": 0,
            "least_spread": -1.0,
            "slips": 0.0,
            "beside": settings.beside.model_copy(update={"number": 0}),
            "decay_from": steps + 1,
            "checkpoint_every": steps + 2,
            "optimizer": settings.optimizer.model_copy(update={"learning_rate": LEARNING_RATE}),
        }
    )


def trainer_on(
    base: str, params: TrainParams, settings: TrainerSettings, task: Task, items: Sequence[Example]
) -> Trainer:
    """Our trainer on `items` in their order, with the engine that params.yaml names."""
    policy = Policy.load(base, params.policy.attention)
    engine = policy.embedded_engine(params.policy.engine)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(policy, engine, task, items, settings, Path(folder))
    trainer.sampler = InOrder()  # type: ignore[assignment]
    return trainer


def ours(trainer: Trainer) -> Measured:
    """Run `trainer` to its end; its first step is not counted."""
    marks: list[float] = []
    reports: list[StepReport] = []

    def report(step: StepReport) -> None:
        reports.append(step)
        marks.append(time.perf_counter())

    trainer.run(report)
    counted = reports[1:]
    return Measured(
        name="Ledgerline",
        seconds=statistics.median(b - a for a, b in itertools.pairwise(marks)),
        rollout=statistics.median(step.metrics["seconds_rollout"] for step in counted),
        rollouts=len(counted[0].rollouts),
        tokens=statistics.fmean(
            step.metrics["sampled_tokens"] * step.metrics["rollouts"] for step in counted
        ),
        solved=statistics.fmean(step.metrics["success"] for step in counted),
    )


def comparison(sides: Sequence[Measured]) -> Table:
    """One row a side."""
    table = Table(title="One GRPO step (median)", title_justify="left")
    columns = (
        "",
        "s",
        "rollout s",
        "update s",
        "rollouts/s",
        "sampled tokens/s",
        "tokens",
        "solved",
    )
    for column in columns:
        table.add_column(column, justify="left" if not column else "right")
    for side in sides:
        table.add_row(
            side.name,
            f"{side.seconds:.2f}",
            f"{side.rollout:.2f}",
            f"{side.update:.2f}",
            f"{side.rollouts_a_second:.1f}",
            f"{side.tokens_a_second:,.0f}",
            f"{side.tokens:,.0f}",
            f"{side.solved:.1%}",
        )
    return table


def floors_table(found: Floors, measured: Measured) -> Table:
    """Our seconds beside what arithmetic alone, and memory traffic alone, would take."""
    title = (
        f"Floors: {found.flops_a_second / 1e9:,.0f} GFLOP/s ({found.dtype}), "
        f"{found.bytes_a_second / 1e9:.1f} GB/s"
    )
    table = Table(title=title, title_justify="left")
    for column in ("", "s", "GFLOP", "floor s", "GB", "floor s"):
        table.add_column(column, justify="left" if not column else "right")
    rows = (("rollout", measured.rollout, found.rollout), ("update", measured.update, found.update))
    for name, seconds, work in rows:
        table.add_row(
            name,
            f"{seconds:.2f}",
            f"{work.flops / 1e9:,.1f}",
            f"{work.flops / found.flops_a_second:.2f}",
            f"{work.bytes / 1e9:.2f}",
            f"{work.bytes / found.bytes_a_second:.2f}",
        )
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="models/base")
    parser.add_argument("--facts", type=Path, default=Path("data/clean/facts.sqlite"))
    parser.add_argument("--examples", type=Path, default=Path("data/examples/train.jsonl"))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--side", choices=("both", "ours", "trl"), default="both")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--trl-batch", type=int, default=64)
    parser.add_argument("--trl-dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--trl-attention", choices=("eager", "sdpa"), default="sdpa")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    if chosen.clock == "cpu":
        time.perf_counter = time.process_time  # of the trainer too
    params = load_params(Path("params.yaml"), TrainParams)
    settings = same_work(params.train, chosen.steps, chosen.prompts, chosen.group)
    number = (chosen.steps + 1) * chosen.prompts
    items = random.Random(0).sample(read_jsonl(chosen.examples), number)
    console = Console(width=110)
    console.print(
        f"{chosen.prompts} prompts × {chosen.group} rollouts, {torch.get_num_threads()} threads, "
        f"{chosen.clock} clock",
        highlight=False,
    )
    sides = []
    with Store.open(chosen.facts, read_only=True) as store:
        if chosen.side != "trl":
            # A search of its own for each side: neither finds answers that the other looked up.
            trainer = trainer_on(
                chosen.base, params, settings, filings_task(params, Search(store)), items
            )
            profile = cProfile.Profile(time.perf_counter)
            sides.append(profile.runcall(ours, trainer) if chosen.profile else ours(trainer))
            console.print(floors_table(floors(trainer), sides[0]))
            if chosen.profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        if chosen.side != "ours":
            from bench.peer import trl

            trl_settings: dict[str, Any] = {
                "batch": chosen.trl_batch,
                "dtype": chosen.trl_dtype,
                "attention": chosen.trl_attention,
            }
            task = filings_task(params, Search(store))
            sides.append(
                trl(
                    chosen.base,
                    task,
                    items,
                    chosen.steps,
                    chosen.group,
                    LEARNING_RATE,
                    trl_settings,
                )
            )
    console.print(comparison(sides))
    if len(sides) == 2:
        ratio = sides[0].rollouts_a_second / sides[1].rollouts_a_second
        console.print(f"Ledgerline has {ratio:.1f} times TRL's rollouts/s.", highlight=False)


if __name__ == "__main__":
    main()
