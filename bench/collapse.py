"""What training makes of three rewards, beside what the audit says that it will.

    python -m bench.collapse [--steps 25] [--scales group none] [--results bench/results]

Short GRPO runs from the base policy on the validation prompts of the default task, which are new
to it in one respect or more, so that it is right on about a quarter of what is due there: with "1
right, −0.5 wrong, 0 silent", with the same but −0.1, and with the rubric of params.yaml; advantages
are divided by the group's deviation, or not. Watched are prompts that no run practises on, each
with a figure due. Run it where the stage warmup has been. It writes collapse.json, .csv and .png,
and prints the audit's prediction beside what came out. No policy is kept.
"""

import argparse
import csv
import random
import tempfile
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
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.examples.example import Example
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.policy import Policy
from ledgerline.rewards.audit import AuditSettings, audit
from ledgerline.rewards.components import right_figure
from ledgerline.rewards.groups import Comparison, GroupAudit
from ledgerline.rewards.observed import TRIES, Observed, observe
from ledgerline.rewards.rubric import Rubric
from ledgerline.training.alarms import AlarmSettings
from ledgerline.training.task import Task
from ledgerline.training.trainer import StepReport, Trainer, TrainerSettings
from tasks.params import load_params
from tasks.practice import filings_task, sampled
from tasks.train import TrainParams

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples/validation.jsonl")
BASE = Path("models/base")
WATCHED = 128
EVERY = 5
SCALES = {"group": "divided by the group's deviation", "none": "not divided"}
HALF, TENTH, DEFAULT = (
    "1 right, −0.5 wrong, 0 silent",
    "1 right, −0.1 wrong, 0 silent",
    "default rubric",
)
COLOURS = {HALF: "#b5452c", TENTH: "#d08c2e", DEFAULT: "#2a7f62"}


class CollapseParams(TrainParams):
    """What the experiment reads of params.yaml."""

    audit: AuditSettings


@dataclass(frozen=True)
class Point:
    """Shares of the watched prompts after `step` steps: answered right, and left silent."""

    step: int
    right: float
    silent: float


@dataclass(frozen=True)
class Run:
    """One reward under one way to scale advantages: what was predicted, and what came out."""

    reward: str
    scale: str
    predicted: GroupAudit
    points: list[Point]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, default=BASE)
    parser.add_argument("--results", type=Path, default=Path("bench/results"))
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--scales", nargs="+", choices=list(SCALES), default=list(SCALES))
    arguments = parser.parse_args()
    params = load_params(Path("params.yaml"), CollapseParams)
    examples = read_jsonl(EXAMPLES)
    watched = random.Random(0).sample([e for e in examples if e.is_due], WATCHED)
    practised = [example for example in examples if example not in set(watched)]
    with Store.open(FACTS, read_only=True) as store, tempfile.TemporaryDirectory() as scratch:
        lab = Lab(params, Search(store), practised, watched)
        base = observe(lab.played(Policy.load(arguments.base, params.policy.attention), TRIES))
        print(f"base: {base}")
        runs = []
        for scale in arguments.scales:
            settings = short(params.train, scale, arguments)
            for reward, weights in rewards(params.rubric.weights).items():
                predicted = lab.predicted(base, weights, settings)
                print(f"{reward}; {scale}: the audit predicts {predicted.predicts}")
                checkpoints = Path(scratch) / f"{scale} {reward}"
                points = lab.trained(arguments.base, weights, settings, checkpoints)
                runs.append(Run(reward, scale, predicted, points))
                write_results(arguments.results, base, settings, runs)
    Console().print(table(runs))


def rewards(default: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    """Name → weights. Whatever is neither right nor silent is wrong in the plain ones."""

    def plain(wrong: float) -> dict[str, float]:
        faults = ("wrong_figure", "figure_not_due", "no_answer")
        return {"right_figure": 1.0, **dict.fromkeys(faults, wrong)}

    return {HALF: plain(-0.5), TENTH: plain(-0.1), DEFAULT: default}


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

    def played(self, policy: Policy, tries: int) -> list[tuple[Example, list[Transcript]]]:
        """The watched prompts, `tries` times each, as in practice."""
        engine = policy.embedded_engine(self.params.policy.engine)
        return sampled(policy, engine, self.task({}), self.watched, tries)

    def predicted(
        self, base: Observed, weights: Mapping[str, float], settings: TrainerSettings
    ) -> GroupAudit:
        """What the audit says of a reward, told what the base does."""
        return audit(
            self.practised,
            lambda: FilingsEnvironment(self.search),
            episode_fields,
            self.params.limits,
            Rubric(weights),
            self.params.audit,
            Comparison.model_validate(settings.model_dump()),
            base,
        ).groups

    def trained(
        self, base: Path, weights: Mapping[str, float], settings: TrainerSettings, folder: Path
    ) -> list[Point]:
        """Train from `base`; the watched prompts every few steps."""
        policy = Policy.load(base, self.params.policy.attention)
        points: list[Point] = []

        def watch(done: int) -> None:
            points.append(self.point(policy, done))
            print(f"  step {done}: {points[-1].right:.1%} right, {points[-1].silent:.1%} silent")

        def report(step: StepReport) -> None:
            if (step.step + 1) % EVERY == 0:
                watch(step.step + 1)

        watch(0)
        engine = policy.embedded_engine(self.params.policy.engine)
        Trainer(policy, engine, self.task(weights), self.practised, settings, folder).run(report)
        return points

    def point(self, policy: Policy, step: int) -> Point:
        """What the policy makes of the watched prompts now."""
        played = [(example, tried[0]) for example, tried in self.played(policy, 1)]
        return Point(
            step,
            right=fmean(right_figure(transcript, example) for example, transcript in played),
            silent=fmean(transcript.outcome is Outcome.ABSTAINED for _, transcript in played),
        )


def short(settings: TrainerSettings, scale: str, arguments: argparse.Namespace) -> TrainerSettings:
    """The settings of params.yaml, cut down; nothing stops a run that collapses."""
    return settings.model_copy(
        update={
            "steps": arguments.steps,
            "groups": arguments.groups,
            "group_size": arguments.size,
            "refills": 0,
            "decay_from": arguments.steps,
            "objective": settings.objective.model_copy(update={"scale": scale}),
            "alarms": AlarmSettings(thresholds=[]),
            "probes": settings.probes.model_copy(update={"prompts": 0}),
            "checkpoint_every": arguments.steps + 1,
        }
    )


def table(runs: Sequence[Run]) -> Table:
    """Prediction and outcome of each run, side by side."""
    shown = Table("reward", "advantages", "audit predicts", "pull", "right", "silent")
    for run in runs:
        first, last = run.points[0], run.points[-1]
        shown.add_row(
            run.reward,
            SCALES[run.scale],
            run.predicted.predicts,
            f"{run.predicted.drift:+.3f}",
            f"{first.right:.0%} → {last.right:.0%}",
            f"{first.silent:.0%} → {last.silent:.0%}",
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
            "average_lead_of_trying": round(run.predicted.average_reward, 4),
            "fault": "; ".join(run.predicted.faults),
        }
        for run in runs
    ]
    rollouts = f"{settings.groups} prompts × {settings.group_size}"
    content = {"base": base.model_dump(), "rollouts": rollouts, "predictions": predictions}
    write_bytes(folder / "collapse.json", orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["reward", "scale", "step", "right", "silent"])
    for run in runs:
        writer.writerows((run.reward, run.scale, *astuple(point)) for point in run.points)
    write_text(folder / "collapse.csv", text.getvalue())
    plot(runs, folder / "collapse.png")


def plot(runs: Sequence[Run], path: Path) -> None:
    """Share right and share silent against steps: a row for each scale, a line for each reward."""
    figure = Figure(figsize=(10, 3.5 * len({run.scale for run in runs})), layout="constrained")
    scales = list(dict.fromkeys(run.scale for run in runs))
    panels = figure.subplots(len(scales), 2, sharex=True, sharey=True, squeeze=False)
    for scale, row in zip(scales, panels, strict=True):
        for axes, share in zip(row, ("right", "silent"), strict=True):
            for run in (run for run in runs if run.scale == scale):
                axes.plot(
                    [point.step for point in run.points],
                    [getattr(point, share) for point in run.points],
                    color=COLOURS[run.reward],
                    marker="o",
                    markersize=3,
                    label=f"{run.reward}: audit predicts {run.predicted.predicts}",
                )
            axes.set_title(f"Share {share}; advantages {SCALES[scale]}", loc="left", fontsize=10)
            axes.set_ylim(0, 1)
            axes.spines[["top", "right"]].set_visible(False)
        row[1].legend(fontsize=8, frameon=False)
    figure.supxlabel("GRPO step; prompts with a figure due that no run practises on", fontsize=9)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
