"""Prompts as a base policy plays them: observed, or assumed where none was."""

import math
from dataclasses import dataclass

from pydantic import Field

from ledgerline.rewards.observed import Observed
from ledgerline.settings import Settings

STEPS = 8


class GroupSettings(Settings):
    """The base policy as far as groups go, where it has not been measured.

    `accuracy` is the share of tries that are right, `spread` how far prompts differ (the parameter
    a + b of a Beta distribution of pass rates: small means that most prompts are solved always or
    never). `silence` is the share of episodes silent at once where a figure is due, `quiet` where
    none is; `finds` the share of wrong tries whose search had found the fact.
    """

    accuracy: float = Field(gt=0, lt=1)
    spread: float = Field(gt=0)
    silence: float = Field(gt=0, lt=1)
    quiet: float = Field(gt=0, lt=1)
    finds: float = Field(ge=0, le=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """Prompts that the base plays alike: `pass_rate` of its tries succeed, and it is silent at once
    in a share `silence` of all episodes. `weight` is how many there are."""

    pass_rate: float
    silence: float
    weight: float


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is practised on, with a figure due and without. `share_due` have one.

    `alike` is how far the base does the same on both, 0 to 1: the overlap of what it does there,
    silent at once or not.
    """

    due: tuple[Kind, ...]
    none_due: tuple[Kind, ...]
    share_due: float
    alike: float


def seen(observed: Observed) -> Prompts:
    """Prompts as the base was seen to play them.

    Those with a figure due that it never tried say nothing of its pass rate, and are left out.
    """
    due = tuple(
        Kind(right / (right + wrong), _abstentions(silent, right + wrong), prompts)
        for right, wrong, silent, prompts in observed.due
        if right + wrong > 0
    )
    none_due = tuple(
        Kind(0.0, _abstentions(quiet, uncalled), prompts)
        for uncalled, quiet, prompts in observed.none_due
    )
    return Prompts(due, none_due, observed.share_due, _alike(observed.silence, observed.quiet))


def assumed(settings: GroupSettings, share_due: float) -> Prompts:
    """Prompts as `settings` describe a base: pass rates follow a Beta distribution."""
    due = tuple(
        Kind(number / STEPS, settings.silence, share)
        for number, share in enumerate(beta_binomial(settings))
    )
    none_due = (Kind(0.0, settings.quiet, 1.0),)
    return Prompts(due, none_due, share_due, _alike(settings.silence, settings.quiet))


def _abstentions(silent: int, tries: int) -> float:
    """Half an abstention and half a try more than seen (Jeffreys): the other may yet come."""
    return (silent + 0.5) / (silent + tries + 1)


def _alike(silence: float, quiet: float) -> float:
    return min(1.0, 1 - (quiet - silence))


def beta_binomial(settings: GroupSettings) -> list[float]:
    """Shares of prompts solved 0, 1, … 8 times of 8, pass rates being Beta distributed."""
    a = settings.accuracy * settings.spread
    b = settings.spread - a

    def beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return [
        math.comb(STEPS, k) * math.exp(beta(a + k, b + STEPS - k) - beta(a, b))
        for k in range(STEPS + 1)
    ]
