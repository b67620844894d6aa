"""What GRPO makes of the rubric: the reward is compared within a group of one prompt's rollouts.

For a prompt that the base policy never solves, the group holds wrong tries and silences only,
and whichever of the two is paid better is reinforced, however well trying pays on average. Dividing
by the group's standard deviation gives such a group as much weight as any other, so that the groups
never solved can outweigh all others.

Prompts where no figure is due are practised too. Their groups rightly teach silence, and as far as
the policy can't tell them from the others, it learns silence for all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledgerline.examples.example import Example
from ledgerline.rewards.observed import Observed
from ledgerline.rewards.payoffs import (
    SCRIPTED,
    Payoffs,
    break_even,
    own_payoffs,
    scripted_payoffs,
)
from ledgerline.rewards.prompts import STEPS, GroupSettings, Kind, Prompts, assumed, seen

if TYPE_CHECKING:
    from ledgerline.rewards.audit import Played

_LARGEST_CHANGE = 20.0


class Scaling(BaseModel):
    """What the audit reads of `train.objective`: whether advantages are divided by the group's
    standard deviation ("group") or not ("none")."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    scale: Literal["group", "none"]


class Comparison(BaseModel):
    """What the audit reads of `train`: how many rollouts of a prompt are compared, and how."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    group_size: int = Field(ge=2)
    objective: Scaling


@dataclass(frozen=True, slots=True)
class Group:
    """Prompts of one pass rate: their share, and what a group of them reinforces.

    `drift` is what a rollout's advantage adds to the log-odds of trying, against silence; where it
    is negative the group teaches silence.
    """

    pass_rate: float
    share: float
    try_reward: float
    silent_reward: float
    drift: float

    @property
    def favours(self) -> str:
        """ "trying", "silence" or "neither"."""
        if abs(self.drift) < 1e-9:
            return "neither"
        return "trying" if self.drift > 0 else "silence"


@dataclass(frozen=True, slots=True)
class NoneDue:
    """Prompts where no figure is due: their share, and what their groups reinforce.

    `drift` is as for `Group`. `alike` is the part of it that prompts with a figure due feel, 0 to
    1: how far the base does the same on both.
    """

    share: float
    drift: float
    alike: float


@dataclass(frozen=True, slots=True)
class GroupAudit:
    """Groups by pass rate, and where all groups pull together where a figure is due.

    `groups` are prompts with a figure due. `average_reward` is what trying leads silence by on
    them, all thrown together, `own` the mean of what their groups reinforce: the first can be
    positive and the second negative.
    """

    groups: tuple[Group, ...]
    none_due: NoneDue
    payoffs: Payoffs
    observed: bool
    average_reward: float
    own: float
    faults: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()

    @property
    def drift(self) -> float:
        """What a step's rollouts add to the log-odds of trying where a figure is due."""
        other = self.none_due
        return (1 - other.share) * self.own + other.share * other.alike * other.drift

    @property
    def predicts(self) -> str:
        """What training would make of the base policy where a figure is due, to begin with."""
        return "silence" if self.drift < 0 else "trying"


def audit_groups(
    examples: Sequence[Example],
    expert: "Played",
    others: Sequence["Played"],
    weights: Mapping[str, float],
    settings: GroupSettings,
    comparison: Comparison,
    observed: Observed | None = None,
) -> GroupAudit:
    """Read the payoffs off the episodes, the base's own where there are any, and compare."""
    played = {each.name: each for each in (expert, *others)}
    missing = SCRIPTED - set(played)
    due = fmean(example.is_due for example in examples)
    if missing or not due:
        why = f"policies {sorted(missing)}" if missing else "examples of which a figure is due"
        return _nothing(f"no {why} to compare")
    payoffs = scripted_payoffs(examples, played, settings.finds)
    if observed is None:
        return compare(payoffs, assumed(settings, due), comparison, weights)
    found = compare(own_payoffs(observed, weights, payoffs), seen(observed), comparison, weights)
    return replace(found, observed=True)


def compare(
    payoffs: Payoffs,
    prompts: Prompts,
    comparison: Comparison,
    weights: Mapping[str, float] | None = None,
) -> GroupAudit:
    """What groups of rollouts reinforce, given what each outcome pays."""
    if not prompts.due:
        return _nothing(
            "the base policy is always silent where a figure is due: there is nothing to learn"
        )
    groups = tuple(_group(number, prompts, payoffs, comparison) for number in range(STEPS + 1))
    # Where none is due, silence is what is right, and anything else is wrong.
    there = Payoffs(right=payoffs.quiet, wrong=payoffs.uncalled, silent=payoffs.quiet)
    found = GroupAudit(
        groups=groups,
        none_due=NoneDue(
            share=1 - prompts.share_due,
            drift=_mean_pull(prompts.none_due, there, comparison),
            alike=prompts.alike,
        ),
        payoffs=payoffs,
        observed=False,
        average_reward=sum(
            group.share * (group.try_reward - group.silent_reward) for group in groups
        ),
        own=_mean_pull(prompts.due, payoffs, comparison),
    )
    if found.drift >= 0:
        return found

    def drift(charge: float) -> float:
        harder = replace(payoffs, silent=payoffs.silent - charge)
        return compare(harder, prompts, comparison).drift

    remedies = _remedies(drift, weights) if weights is not None else ()
    return replace(found, faults=(_fault(found),), remedies=remedies)


def _nothing(fault: str) -> GroupAudit:
    """The audit of groups where nothing can be compared."""
    return GroupAudit((), NoneDue(0, 0, 0), Payoffs(0, 0, 0), False, 0, 0, (fault,))


def _group(number: int, prompts: Prompts, payoffs: Payoffs, comparison: Comparison) -> Group:
    """What groups with a pass rate of about `number` eighths reinforce."""
    rate = number / STEPS
    here = [kind for kind in prompts.due if round(kind.pass_rate * STEPS) == number]
    every = sum(kind.weight for kind in prompts.due)
    return Group(
        pass_rate=rate,
        share=sum(kind.weight for kind in here) / every,
        try_reward=rate * payoffs.right + (1 - rate) * payoffs.wrong,
        silent_reward=payoffs.silent,
        drift=_mean_pull(here, payoffs, comparison),
    )


def _mean_pull(kinds: Sequence[Kind], payoffs: Payoffs, comparison: Comparison) -> float:
    """What groups of such prompts reinforce, on average; 0 where there are none."""
    weight = sum(kind.weight for kind in kinds)
    pull = sum(
        kind.weight * _pull(kind.pass_rate, payoffs, kind.silence, comparison) for kind in kinds
    )
    return pull / weight if weight else 0.0


def _pull(rate: float, payoffs: Payoffs, silence: float, comparison: Comparison) -> float:
    """What a rollout's advantage adds to the log-odds of trying, over every make-up of a group.

    `rate` of the tries are right, `silence` of the rollouts abstain. In a group that is all tries
    or all silence nothing is compared.
    """
    size = comparison.group_size
    expected = 0.0
    for silent in range(1, size):
        for right in range(size - silent + 1):
            wrong = size - silent - right
            probability = (
                math.comb(size, silent)
                * math.comb(size - silent, right)
                * silence**silent
                * (1 - silence) ** (size - silent)
                * rate**right
                * (1 - rate) ** wrong
            )
            made_up = ((right, payoffs.right), (wrong, payoffs.wrong), (silent, payoffs.silent))
            mean = sum(count * reward for count, reward in made_up) / size
            scale = 1.0
            if comparison.objective.scale == "group":
                squares = sum(count * (reward - mean) ** 2 for count, reward in made_up)
                scale = math.sqrt(squares / (size - 1)) + 1e-4
            expected += probability * silent * (mean - payoffs.silent) / scale
    return expected / size


def _fault(found: GroupAudit) -> str:
    never, payoffs, other = found.groups[0], found.payoffs, found.none_due
    if found.own >= 0:
        how = (
            f"through prompts where none is due ({other.share:.0%} of all), which teach silence "
            f"and are {other.alike:.0%} like the others to the base policy"
        )
    elif found.average_reward > 0:
        how = (
            f"through the groups never solved ({never.share:.0%} of prompts), where silence at "
            f"{payoffs.silent:+.2f} beats a wrong try at {payoffs.wrong:+.2f}, although trying "
            f"pays {found.average_reward:+.2f} more on average"
        )
    else:
        how = (
            f"since trying pays {-found.average_reward:.2f} less than silence on average "
            f"(break-even at {break_even(payoffs):.0%} right)"
        )
    return f"training would teach silence where a figure is due, {how}"


def _remedies(drift: Callable[[float], float], weights: Mapping[str, float]) -> tuple[str, ...]:
    """The least charge for silence with which trying is learnt; none where none does it."""
    low, high = 0.0, 0.01
    while drift(high) < 0:
        low, high = high, 2 * high
        if high > _LARGEST_CHANGE:
            return ()
    while high - low > 0.002:
        middle = (low + high) / 2
        low, high = (middle, high) if drift(middle) < 0 else (low, middle)
    charge = math.ceil(high * 100) / 100
    if "silence_when_due" not in weights:
        return (f"add silence_when_due with weight {-charge:+.2f}",)
    weight = weights["silence_when_due"]
    return (f"silence_when_due {weight:+g} → {weight - charge:+.2f}",)
