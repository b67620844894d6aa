"""What the rubric pays degenerate policies beside the honest one, before any training.

Every policy plays the same examples through the real environment. A rubric is a linear function
of its weights, so the audit can also say which single weight would mend what it finds.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from pydantic import Field

from ledgerline.environments.dialogue import Limits
from ledgerline.environments.environment import Environment
from ledgerline.environments.scripted import play
from ledgerline.environments.transcript import Transcript
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.rewards.components import COMPONENTS, PRIZES, measure
from ledgerline.rewards.degenerate import DEGENERATE, HONEST, Policy, honest
from ledgerline.rewards.groups import Comparison, GroupAudit, audit_groups
from ledgerline.rewards.observed import Observed
from ledgerline.rewards.prompts import GroupSettings
from ledgerline.rewards.rubric import Rubric
from ledgerline.settings import Settings

_Z = 1.96
_LARGEST_CHANGE = 20.0


class AuditSettings(Settings):
    """How the audit is made.

    `examples` are played by every policy. `margin` is what the honest policy must earn more
    than any other, on average. `groups` describe the base policy.
    """

    examples: int = Field(ge=30)
    margin: float = Field(gt=0)
    seed: int
    groups: GroupSettings


@dataclass(frozen=True, slots=True)
class Played:
    """One policy's episodes on the audited examples: measured, and paid by component."""

    name: str
    transcripts: tuple[Transcript, ...]
    measures: tuple[Mapping[str, float], ...]
    paid: tuple[Mapping[str, float], ...]
    rewards: tuple[float, ...]
    graded: tuple[bool, ...]

    @property
    def mean(self) -> float:
        """Reward an episode."""
        return fmean(self.rewards)

    def only(self, kept: Sequence[int]) -> "Played":
        """The episodes with the numbers `kept`."""
        return Played(
            self.name,
            tuple(self.transcripts[n] for n in kept),
            tuple(self.measures[n] for n in kept),
            tuple(self.paid[n] for n in kept),
            tuple(self.rewards[n] for n in kept),
            tuple(self.graded[n] for n in kept),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the audit's table.

    `low` and `high` bound the mean reward, `gap_low` the honest policy's lead over it (both
    with 95 % confidence; the lead is paired by example).
    """

    policy: str
    mean: float
    low: float
    high: float
    when_due: float
    when_not_due: float
    gap: float
    gap_low: float
    example: str


@dataclass(frozen=True, slots=True)
class Audit:
    """All that was found; `faults` are reasons not to train.

    `ungraded` counts examples left out, on which a tool or the judge failed some policy.
    """

    rows: tuple[Row, ...]
    dead: Mapping[str, str]
    groups: GroupAudit
    faults: tuple[str, ...]
    remedies: tuple[str, ...]
    margin: float
    weights: Mapping[str, float]
    ungraded: int

    def check(self) -> None:
        """LedgerlineError with every fault and remedy, if there is one."""
        if self.faults:
            advice = f" To mend it: {'; '.join(self.remedies)}." if self.remedies else ""
            raise LedgerlineError(
                f"the reward can be gamed: {'; '.join(self.faults)}.{advice} "
                "See reports/audit.html; weights are in the section rubric of params.yaml."
            )


def audit(
    examples: Sequence[Example],
    make_environment: Callable[[], Environment],
    fields: Callable[[Example], Mapping[str, Any]],
    limits: Limits,
    rubric: Rubric,
    settings: AuditSettings,
    comparison: Comparison,
    observed: Observed | None = None,
    policies: Mapping[str, Policy] | None = None,
) -> Audit:
    """Play every policy and judge what the rubric pays, where it could grade them all.

    `fields` gives what the environment's `reset` takes. `comparison` is GRPO's. `observed` is the
    base policy, where it has been watched; otherwise `settings.groups` describe it.
    """
    if not examples:
        raise LedgerlineError("no examples to audit the reward with; run the stage synthesize.")
    chosen = random.Random(settings.seed).sample(
        list(examples), min(settings.examples, len(examples))
    )
    environment = make_environment()

    def played(name: str, policy: Policy) -> Played:
        transcripts = tuple(
            play(environment, fields(example), limits, policy(example)) for example in chosen
        )
        scored = [
            rubric.score(transcript, example)
            for transcript, example in zip(transcripts, chosen, strict=True)
        ]
        measures = tuple(
            measure(transcript, example)
            for transcript, example in zip(transcripts, chosen, strict=True)
        )
        return Played(
            name,
            transcripts,
            measures,
            tuple(reward.breakdown for reward in scored),
            tuple(reward.total for reward in scored),
            tuple(reward.graded for reward in scored),
        )

    degenerate = DEGENERATE if policies is None else policies
    everybody = [played(HONEST, honest), *(played(*each) for each in degenerate.items())]
    # Leads are paired by example: what one policy has no grade on is left out for all.
    kept = [n for n in range(len(chosen)) if all(each.graded[n] for each in everybody)]
    if not kept:
        raise LedgerlineError(
            "no audited example was graded for every policy: a tool or the judge failed each time."
        )
    ungraded = len(chosen) - len(kept)
    chosen = [chosen[n] for n in kept]
    expert, *others = (each.only(kept) for each in everybody)
    rows = tuple(_row(chosen, expert, each) for each in (expert, *others))
    groups = audit_groups(
        chosen, expert, others, rubric.weights, settings.groups, comparison, observed
    )
    faults, remedies = _faults(expert, others, rows, rubric.weights, settings.margin)
    faults += groups.faults
    remedies += groups.remedies
    if expert.mean <= 0:
        faults.append(f"the honest expert earns {expert.mean:+.2f} an episode")
    return Audit(
        rows=rows,
        dead=_dead_terms((expert, *others), rubric.weights),
        groups=groups,
        faults=tuple(faults),
        remedies=tuple(dict.fromkeys(remedies)),
        margin=settings.margin,
        weights=dict(rubric.weights),
        ungraded=ungraded,
    )


def _row(examples: Sequence[Example], expert: Played, played: Played) -> Row:
    mean, half = _mean_and_half_width(played.rewards)
    gaps = [best - reward for best, reward in zip(expert.rewards, played.rewards, strict=True)]
    gap, gap_half = _mean_and_half_width(gaps)
    by_due: dict[bool, list[float]] = {True: [], False: []}
    for example, reward in zip(examples, played.rewards, strict=True):
        by_due[example.is_due].append(reward)
    worst = max(range(len(examples)), key=lambda n: played.rewards[n] - expert.rewards[n])
    return Row(
        policy=played.name,
        mean=mean,
        low=mean - half,
        high=mean + half,
        when_due=fmean(by_due[True]) if by_due[True] else math.nan,
        when_not_due=fmean(by_due[False]) if by_due[False] else math.nan,
        gap=gap,
        gap_low=gap - gap_half,
        example=examples[worst].prompt,
    )


def _mean_and_half_width(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return fmean(values), math.inf
    return fmean(values), _Z * stdev(values) / math.sqrt(len(values))


def _faults(
    expert: Played,
    others: Sequence[Played],
    rows: Sequence[Row],
    weights: Mapping[str, float],
    margin: float,
) -> tuple[list[str], list[str]]:
    faults, remedies = [], []
    lead = {row.policy: row for row in rows}
    for played in others:
        row = lead[played.name]
        if row.gap_low >= margin:
            continue
        faults.append(
            f"{played.name!r} earns {row.mean:+.2f}, the honest expert {expert.mean:+.2f}: "
            f"a lead of {row.gap:.2f} (at least {row.gap_low:.2f}), less than {margin:g}"
        )
        remedy = _remedy(expert, played, weights, margin)
        if remedy:
            remedies.append(remedy)
    return faults, remedies


def _remedy(
    expert: Played, other: Played, weights: Mapping[str, float], margin: float
) -> str | None:
    """The smallest change of a single weight that gives the honest policy its lead.

    A prize may only grow and a penalty only get harder; a component not paid for may join.
    """
    gaps = [best - reward for best, reward in zip(expert.rewards, other.rewards, strict=True)]
    found: tuple[float, str, float] | None = None
    for name in COMPONENTS:
        sign = 1 if name in PRIZES else -1
        slopes = [
            sign * (best[name] - measured[name])
            for best, measured in zip(expert.measures, other.measures, strict=True)
        ]
        change = _least_change(gaps, slopes, margin)
        if change is not None and (found is None or change < found[0]):
            found = change, name, weights.get(name, 0.0) + sign * change
    if found is None:
        return None
    _, name, weight = found
    return f"{name} {weights.get(name, 0.0):+g} → {weight:+.2f} (against {other.name!r})"


def _least_change(gaps: Sequence[float], slopes: Sequence[float], margin: float) -> float | None:
    """The least x ≥ 0 for which gaps + x·slopes are surely more than `margin`; None if none is."""

    def lead(change: float) -> float:
        mean, half = _mean_and_half_width(
            [gap + change * slope for gap, slope in zip(gaps, slopes, strict=True)]
        )
        return mean - half

    low, high = 0.0, 0.01
    while lead(high) < margin:
        low, high = high, 2 * high
        if high > _LARGEST_CHANGE:
            return None
    while high - low > 0.002:
        middle = (low + high) / 2
        low, high = (middle, high) if lead(middle) < margin else (low, middle)
    # Rounded up to what the remedy prints.
    return math.ceil(high * 100) / 100


def _dead_terms(played: Sequence[Played], weights: Mapping[str, float]) -> dict[str, str]:
    """Components that no policy's episode could tell apart: never paid, or always alike."""
    dead = {}
    for name, weight in weights.items():
        # A judge isn't asked where there is no answer.
        values = {paid.get(name, 0.0) for each in played for paid in each.paid}
        if weight == 0:
            dead[name] = "weight 0"
        elif values == {0.0}:
            dead[name] = "never paid"
        elif len(values) == 1:
            dead[name] = "always paid the same"
    return dead
