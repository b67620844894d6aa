"""What GRPO makes of the rubric: the reward is compared within a group of one prompt's rollouts.

For a prompt that the base policy never solves, the group holds wrong tries and silences only,
and whichever of the two is paid better is reinforced, however well trying pays on average. Dividing
by the group's standard deviation gives such a group as much weight as any other, so that the groups
never solved can outweigh all others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledgerline.examples.example import Example
from ledgerline.rewards.observed import Observed
from ledgerline.settings import Settings

if TYPE_CHECKING:
    from ledgerline.rewards.audit import Played

SILENT, RIGHT = "always silent", "honest expert"
_STEPS = 8
WRONG = ("find, then answer wrongly", "first hit, whatever it is")


class GroupSettings(Settings):
    """The base policy as far as groups go, where it has not been measured.

    `accuracy` is the share of tries that are right, `spread` how far prompts differ (the parameter
    a + b of a Beta distribution of pass rates: small means that most prompts are solved always or
    never). `silence` is the share of abstentions, `finds` the share of wrong tries whose search
    had found the fact.
    """

    accuracy: float = Field(gt=0, lt=1)
    spread: float = Field(gt=0)
    silence: float = Field(gt=0, lt=1)
    finds: float = Field(ge=0, le=1)


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
class Payoffs:
    """Mean reward of each thing one can do when a figure is due, and when none is.

    `right`, `wrong` and `silent` are for a figure due; `uncalled` is a figure where none is due,
    `quiet` silence there.
    """

    right: float
    wrong: float
    silent: float
    uncalled: float = 0.0
    quiet: float = 0.0


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
class GroupAudit:
    """Groups by pass rate, and where they pull together.

    `average_reward` is trying's lead over silence with all prompts thrown together, `drift` the
    mean over groups of what GRPO reinforces: the first can be positive and the second negative.
    """

    groups: tuple[Group, ...]
    payoffs: Payoffs
    observed: bool
    average_reward: float
    drift: float
    faults: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()

    @property
    def predicts(self) -> str:
        """What training would make of the base policy where a figure is due."""
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
    """Read the payoffs off the scripted episodes and compare within groups."""
    played = {each.name: each for each in (expert, *others)}
    missing = {SILENT, RIGHT, *WRONG} - set(played)
    if missing or not any(example.is_due for example in examples):
        why = f"policies {sorted(missing)}" if missing else "examples of which a figure is due"
        return GroupAudit((), Payoffs(0, 0, 0), False, 0, 0, (f"no {why} to compare",))

    def mean(name: str, condition: str | None = None, due: bool = True) -> float:
        chosen = [n for n, example in enumerate(examples) if example.is_due is due]
        rewards = [
            played[name].rewards[n]
            for n in chosen
            if condition is None or played[name].measures[n].get(condition, 1) > 0
        ]
        return fmean(rewards or [played[name].rewards[n] for n in chosen] or [0.0])

    finds = observed.finds if observed else settings.finds
    found, not_found = (mean(name, "wrong_figure") for name in WRONG)
    payoffs = Payoffs(
        right=mean(RIGHT),
        wrong=finds * found + (1 - finds) * not_found,
        silent=mean(SILENT),
        uncalled=mean(WRONG[1], due=False),
        quiet=mean(SILENT, due=False),
    )
    return compare(payoffs, settings, comparison, observed, weights)


def compare(
    payoffs: Payoffs,
    settings: GroupSettings,
    comparison: Comparison,
    observed: Observed | None = None,
    weights: Mapping[str, float] | None = None,
) -> GroupAudit:
    """What groups of rollouts reinforce, given what each outcome pays.

    Without a base policy `observed`, pass rates follow the Beta distribution that `settings`
    describe. Of an observed one, prompts that it never tried say nothing, and are left out.
    """
    cells = _cells(settings, observed)
    if not cells:
        fault = "the base policy is always silent where a figure is due: there is nothing to learn"
        return GroupAudit((), payoffs, True, 0, 0, (fault,))
    groups = tuple(_group(number, cells, payoffs, comparison) for number in range(_STEPS + 1))
    drift = sum(group.share * group.drift for group in groups)
    average = sum(group.share * (group.try_reward - group.silent_reward) for group in groups)
    faults: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    if drift < 0:
        faults, remedies = _explain(groups, payoffs, average, weights or {})
    return GroupAudit(groups, payoffs, observed is not None, average, drift, faults, remedies)


def _cells(settings: GroupSettings, observed: Observed | None) -> list[tuple[float, float, float]]:
    """(pass rate of tries, share of silence, weight) of each kind of prompt."""
    if observed is None:
        shares = beta_binomial(settings)
        return [(number / _STEPS, settings.silence, share) for number, share in enumerate(shares)]
    # Half an abstention and half a try more (Jeffreys): what was not seen may yet come.
    return [
        (right / (right + wrong), (silent + 0.5) / (right + wrong + silent + 1), prompts)
        for right, wrong, silent, prompts in observed.groups
        if right + wrong > 0
    ]


def _group(
    number: int,
    cells: Sequence[tuple[float, float, float]],
    payoffs: Payoffs,
    comparison: Comparison,
) -> Group:
    """What groups with a pass rate of about `number` eighths reinforce."""
    rate = number / _STEPS
    here = [cell for cell in cells if round(cell[0] * _STEPS) == number]
    weight = sum(prompts for _, _, prompts in here)
    pull = sum(
        prompts * _pull(exactly, payoffs, silence, comparison) for exactly, silence, prompts in here
    )
    return Group(
        pass_rate=rate,
        share=weight / sum(prompts for _, _, prompts in cells),
        try_reward=rate * payoffs.right + (1 - rate) * payoffs.wrong,
        silent_reward=payoffs.silent,
        drift=pull / weight if weight else 0.0,
    )


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


def _explain(
    groups: Sequence[Group], payoffs: Payoffs, average: float, weights: Mapping[str, float]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    never = groups[0]
    if average > 0:
        how = (
            f"through the groups never solved ({never.share:.0%} of prompts), where silence at "
            f"{payoffs.silent:+.2f} beats a wrong try at {payoffs.wrong:+.2f}, although trying "
            f"pays {average:+.2f} more on average"
        )
    else:
        how = (
            f"since trying pays {-average:.2f} less than silence on average "
            f"(break-even at {break_even(payoffs):.0%} right)"
        )
    faults = (f"training would teach silence where a figure is due, {how}",)
    remedies = []
    needed = payoffs.wrong - payoffs.silent - 0.05
    if "silence_when_due" in weights:
        weight = weights["silence_when_due"]
        remedies.append(f"silence_when_due {weight:+g} → {weight + needed:+.2f}")
    else:
        remedies.append(f"add silence_when_due with weight {needed:+.2f}")
    return faults, tuple(remedies)


def break_even(payoffs: Payoffs, due: float = 1.0) -> float:
    """The confidence from which answering pays more than silence.

    `due` is the probability that a figure is due at all. 0 where answering pays more even when
    it is surely wrong, 1 where it never does.
    """
    gain = payoffs.right - payoffs.wrong
    if gain <= 0:
        return float(payoffs.silent >= payoffs.right)
    uncalled = (1 - due) / due * (payoffs.quiet - payoffs.uncalled)
    return min(1.0, max(0.0, (payoffs.silent - payoffs.wrong + uncalled) / gain))


def beta_binomial(settings: GroupSettings) -> list[float]:
    """Shares of prompts solved 0, 1, … 8 times of 8, pass rates being Beta distributed."""
    a = settings.accuracy * settings.spread
    b = settings.spread - a
    tries = _STEPS

    def beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return [
        math.comb(tries, k) * math.exp(beta(a + k, b + tries - k) - beta(a, b))
        for k in range(tries + 1)
    ]
