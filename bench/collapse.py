"""What training makes of three rewards, beside what the audit says that it will.

    python -m bench.collapse [--accuracy 0.25] [--steps 16] [--scales none group] [--base FOLDER]

Warms up a base of its own on the default task, only until it is right on a quarter of what is due
in the validation prompts, which are new to it in one respect or more. On these it is trained by
short GRPO runs: with "1 right, −0.5 wrong, 0 silent", with the same but −0.1, and with the rubric
of params.yaml; advantages are divided by the group's deviation, or not. Watched are prompts that no
run practises on. Run it where the stage synthesize has been. It writes collapse.json, .csv and .png
into bench/results, and prints the audit's prediction for that base beside what came out. No policy
is kept.
"""

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from io import StringIO
from pathlib import Path
from statistics import fmean

import orjson
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from ledgerline.durable import replacing_file, write_bytes, write_text
from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.examples.silence import TALK_KINDS
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.policy import Policy
from ledgerline.rewards.components import right_figure
from ledgerline.rewards.groups import Comparison, GroupAudit, compare
from ledgerline.rewards.observed import TRIES, Observed, observe
from ledgerline.rewards.payoffs import Payoffs, own_payoffs
from ledgerline.rewards.prompts import seen
from ledgerline.training.alarms import AlarmSettings
from ledgerline.training.demonstrations import DemonstrationSettings, choose
from ledgerline.training.settings import TrainerSettings
from ledgerline.training.task import Task
from ledgerline.training.trainer import StepReport, Trainer
from ledgerline.training.warmup import warm_up
from tasks.params import load_params
from tasks.practice import filings_task, sampled
from tasks.train import TrainParams
from tasks.warmup import WarmupParams, demonstrated, scratch_policy

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples")
PROMPTS = 600
WATCHED = 128
WATCHED_TRIES = 2
EVERY = 8
DEMONSTRATIONS = DemonstrationSettings(
    count=8000,
    phrasings=1.0,
    fewer=dict.fromkeys(("mid_word", "unfinished", "already_written", *TALK_KINDS), 0.08),
    slips=0.45,
    misplaced=0.5,
    first_turns=0.0,
    first_lines=0.0,
)
"""A base that tries: when to be silent at once is shown in few phrasings."""
STEPS = 450
LEARNING_RATE = 4.0e-4  # with few rollouts a step and no demonstrations beside them, more is noise
CHECK_EVERY, CHECK_TRIES = 20, 4
SCALES = {"none": "not divided", "group": "divided by the group's deviation"}
HALF, TENTH, DEFAULT = (
    "1 right, −0.5 wrong, 0 silent",
    "1 right, −0.1 wrong, 0 silent",
    "default rubric",
)
COLOURS = {HALF: "#b5452c", TENTH: "#d08c2e", DEFAULT: "#2a7f62"}
SHARES = {
    "right": "right, of due",
    "silent": "silent, of due",
    "quiet": "silent, of none due",
}


class CollapseParams(TrainParams, WarmupParams):
    """What the experiment reads of params.yaml."""


@dataclass(frozen=True)
class Point:
    """Shares of the watched prompts after `step` steps: of those with a figure due, answered right
    and left silent; of the others, left silent."""

    step: int
    right: float
    silent: float
    quiet: float


@dataclass(frozen=True)
class Run:
    """One reward under one way to scale advantages: what was predicted, and what came out."""

    reward: str
    scale: str
    predicted: GroupAudit
    points: list[Point]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, help="a policy to start from, instead of a new one")
    parser.add_argument("--accuracy", type=float, default=0.25)
    parser.add_argument("--results", type=Path, default=Path("bench/results"))
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--scales", nargs="+", choices=list(SCALES), default=list(SCALES))
    arguments = parser.parse_args()
    params = load_params(Path("params.yaml"), CollapseParams)
    validation = read_jsonl(EXAMPLES / "validation.jsonl")[:PROMPTS]
    watched = random.Random(0).sample(validation, WATCHED)
    practised = [example for example in validation if example not in set(watched)]
    with Store.open(FACTS, read_only=True) as store, tempfile.TemporaryDirectory() as scratch:
        lab = Lab(params, Search(store), practised, watched)
        folder = arguments.base or Path(scratch) / "base"
        if not arguments.base:
            train = read_jsonl(EXAMPLES / "train.jsonl")
            lab.warmed_up(train, arguments.accuracy).save(folder)
        played = lab.played(Policy.load(folder, params.policy.attention), TRIES)
        base, start = observe(played), point(played, 0)
        print(f"base: {start}")
        runs = []
        for scale in arguments.scales:
            settings = short(params.train, scale, arguments)
            for reward, weights in rewards(params.rubric.weights).items():
                predicted = prediction(base, weights, settings)
                print(f"{reward}; {scale}: the audit predicts {predicted.predicts}")
                checkpoints = Path(scratch) / f"{scale} {reward}"
                points = [start, *lab.trained(folder, weights, settings, checkpoints)]
                runs.append(Run(reward, scale, predicted, points))
                write_results(arguments.results, base, settings, runs)
    Console().print(table(runs))
    print(f"{time.process_time():.0f} s of processor time")


def rewards(default: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """Name → weights. Whatever is neither right nor silent is wrong in the plain ones."""

    def plain(wrong: float) -> dict[str, float]:
        faults = ("wrong_figure", "figure_not_due", "no_answer")
        return {"right_figure": 1.0, **dict.fromkeys(faults, wrong)}

    return {HALF: plain(-0.5), TENTH: plain(-0.1), DEFAULT: default}


def prediction(
    base: Observed, weights: Mapping[str, float], settings: TrainerSettings
) -> GroupAudit:
    """What the audit says of a reward, told what the base does; it has done all that is paid."""
    payoffs = own_payoffs(base, weights, otherwise=Payoffs(0, 0, 0))
    comparison = Comparison.model_validate(settings.model_dump())
    return compare(payoffs, seen(base), comparison, weights)


@dataclass(frozen=True)
class Lab:
    """The default task: facts, prompts to practise on, and prompts to watch."""

    params: CollapseParams
    search: Search
    practised: list[Example]
    watched: list[Example]

    def task(self, weights: Mapping[str, float]) -> Task:
        """The task of params.yaml under other weights."""
        rubric = self.params.rubric.model_copy(update={"weights": dict(weights)})
        return filings_task(self.params.model_copy(update={"rubric": rubric}), self.search)

    def played(
        self, policy: Policy, tries: int, due_alone: bool = False
    ) -> list[tuple[Example, list[Transcript]]]:
        """The watched prompts, `tries` times each, as in practice."""
        engine = policy.embedded_engine(self.params.policy.engine)
        chosen = [example for example in self.watched if example.is_due or not due_alone]
        return sampled(policy, engine, self.task({}), chosen, tries)

    def warmed_up(self, train: list[Example], accuracy: float) -> Policy:
        """A policy from random weights, warmed up until it is right on that share of what is due.

        Raises:
            LedgerlineError: `STEPS` don't get it there.
        """
        settings = self.params.warmup
        settings = settings.model_copy(
            update={
                "demonstrations": DEMONSTRATIONS,
                "target": accuracy,
                "check_every": CHECK_EVERY,
                "steps": STEPS,
                "decay_from": STEPS,
            }
        )
        policy = scratch_policy(self.params, train)
        shown = choose(train, DEMONSTRATIONS, settings.seed)
        history = warm_up(
            policy.plain,
            demonstrated(policy, self.task({}), shown, settings),
            settings,
            lambda: point(self.played(policy, CHECK_TRIES, due_alone=True), 0).right,
            lambda check: print(f"warm-up, step {check.step}: {check.success:.1%} right"),
            settings.seed,
        )
        if history[-1].success < accuracy:
            raise LedgerlineError(
                f"after {settings.steps} steps of warm-up the base is right on "
                f"{history[-1].success:.1%} of what is due, not on {accuracy:.0%}; ask for a lower "
                "--accuracy"
            )
        return policy

    def trained(
        self, base: Path, weights: Mapping[str, float], settings: TrainerSettings, folder: Path
    ) -> list[Point]:
        """Train from `base`; the watched prompts every few steps."""
        policy = Policy.load(base, self.params.policy.attention)
        points: list[Point] = []

        def report(step: StepReport) -> None:
            if (step.step + 1) % EVERY == 0:
                points.append(point(self.played(policy, WATCHED_TRIES), step.step + 1))
                print(f"  {points[-1]}", flush=True)

        engine = policy.embedded_engine(self.params.policy.engine)
        Trainer(policy, engine, self.task(weights), self.practised, settings, folder).run(report)
        return points


def point(played: Sequence[tuple[Example, Sequence[Transcript]]], step: int) -> Point:
    """What a policy made of the watched prompts."""
    episodes = [(example, transcript) for example, each in played for transcript in each]
    due = [pair for pair in episodes if pair[0].is_due]
    other = [transcript for example, transcript in episodes if not example.is_due]
    return Point(
        step,
        right=fmean(right_figure(transcript, example) for example, transcript in due),
        silent=_abstained([transcript for _, transcript in due]),
        quiet=_abstained(other) if other else 1.0,
    )


def _abstained(transcripts: Sequence[Transcript]) -> float:
    return fmean(transcript.outcome is Outcome.ABSTAINED for transcript in transcripts)


def short(settings: TrainerSettings, scale: str, arguments: argparse.Namespace) -> TrainerSettings:
    """The settings of params.yaml, cut down to what the rewards do by themselves: nothing is
    demonstrated beside them, no group begins with a slip, nothing stops a run that collapses.
    """
    return settings.model_copy(
        update={
            "steps": arguments.steps,
            "groups": arguments.groups,
            "group_size": arguments.size,
            "refills": 0,
            "slips": 0.0,
            "beside": settings.beside.model_copy(update={"number": 0}),
            "decay_from": arguments.steps,
            "optimizer": settings.optimizer.model_copy(update={"learning_rate": LEARNING_RATE}),
            "objective": settings.objective.model_copy(update={"scale": scale}),
            "alarms": AlarmSettings(thresholds=[]),
            "probes": settings.probes.model_copy(update={"prompts": 0}),
            "kl_rollouts": 0,
            "checkpoint_every": arguments.steps + 1,
        }
    )


def table(runs: Sequence[Run]) -> Table:
    """Prediction and outcome of each run, side by side."""
    shown = Table("reward", "advantages", "audit predicts", "pull", *SHARES.values())
    for run in runs:
        first, last = run.points[0], run.points[-1]
        shown.add_row(
            run.reward,
            SCALES[run.scale],
            run.predicted.predicts,
            f"{run.predicted.drift:+.3f}",
            *(f"{getattr(first, name):.0%} → {getattr(last, name):.0%}" for name in SHARES),
        )
    return shown


def write_results(
    folder: Path, base: Observed, settings: TrainerSettings, runs: Sequence[Run]
) -> None:
    """collapse.json (what was predicted), collapse.csv (what was seen) and collapse.png (both)."""
    folder.mkdir(parents=True, exist_ok=True)
    predictions = [
        {
            "reward": run.reward,
            "scale": run.scale,
            "predicts": run.predicted.predicts,
            "drift": round(run.predicted.drift, 4),
            "drift_of_due_alone": round(run.predicted.own, 4),
            "drift_of_none_due": round(run.predicted.none_due.drift, 4),
            "average_lead_of_trying": round(run.predicted.average_reward, 4),
            "fault": "; ".join(run.predicted.faults),
            "remedy": "; ".join(run.predicted.remedies),
        }
        for run in runs
    ]
    rollouts = f"{settings.groups} prompts × {settings.group_size}"
    content = {"base": base.model_dump(), "rollouts": rollouts, "predictions": predictions}
    write_bytes(folder / "collapse.json", orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["reward", "scale", "step", *SHARES])
    for run in runs:
        writer.writerows((run.reward, run.scale, *astuple(point)) for point in run.points)
    write_text(folder / "collapse.csv", text.getvalue())
    plot(runs, folder / "collapse.png")


def plot(runs: Sequence[Run], path: Path) -> None:
    """Share right and share silent against steps: a row for each scale, a line for each reward."""
    figure = Figure(figsize=(13, 3.5 * len({run.scale for run in runs})), layout="constrained")
    scales = list(dict.fromkeys(run.scale for run in runs))
    panels = figure.subplots(len(scales), len(SHARES), sharex=True, sharey=True, squeeze=False)
    for scale, row in zip(scales, panels, strict=True):
        for axes, share in zip(row, SHARES, strict=True):
            for run in (run for run in runs if run.scale == scale):
                axes.plot(
                    [point.step for point in run.points],
                    [getattr(point, share) for point in run.points],
                    color=COLOURS[run.reward],
                    marker="o",
                    markersize=3,
                    label=f"{run.reward}: audit predicts {run.predicted.predicts}",
                )
            axes.set_title(SHARES[share].capitalize(), loc="left", fontsize=10)
            axes.set_ylim(0, 1)
            axes.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(f"advantages {SCALES[scale]}")
        row[0].legend(fontsize=8, frameon=False)
    figure.supxlabel("GRPO step; shares of prompts that no run practises on", fontsize=9)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
