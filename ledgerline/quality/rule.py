"""What the verdict's rule weighs, and its thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ledgerline.quality.comparison import Bans, Comparison
from ledgerline.settings import Settings


class Scope(IntEnum):
    """What an error befell."""

    FACT = 0
    FILING = 1
    METRIC = 2


class VerdictSettings(Settings):
    """prior: bans for each power of ten that may be an error, by kind of unit
    filing_prior, metric_prior: bans for a whole filing, a whole metric being off
    group_limit: most bans that one comparison gives for a whole group
    group_share: share of a group's facts that must look off before it is weighed
    group_facts: fewest facts that make a group
    whole_share: share of a filing's facts that must agree for it to be off as a whole
    parts_follow: chance of a filing's share counts and lesser currencies being off like its amounts
    quarantine_at: confidence from which a fact is set aside
    first_at: confidence that the first round asks for, while the facts compared with are
        still unchecked
    rounds: how often at most facts are weighed, each time without those set aside before
    """

    prior: dict[str, dict[int, float]]
    filing_prior: float
    metric_prior: float
    group_limit: float
    group_share: float
    group_facts: int
    whole_share: float
    parts_follow: float
    quarantine_at: float
    first_at: float
    rounds: int


@dataclass(frozen=True)
class Panel:
    """The comparisons, and how their sums are bounded and scoped.

    ceilings: per detector, how much rarer a true surprise is than a right value in place, in
        bans, [rows of the board]: the most that the detector may give in all, together with
        how rare surprises of that size are
    """

    comparisons: Sequence[Comparison]
    ceilings: Mapping[str, npt.NDArray[np.float32]]


def probability(bans: Bans) -> Bans:
    """The probability that log10 odds stand for."""
    chance: Bans = 1.0 / (1.0 + 10.0 ** np.clip(-bans, -300, 300))
    return chance


def log_odds(chance: Bans) -> Bans:
    """The inverse of `probability`, kept finite."""
    within = np.clip(chance, 1e-12, 1 - 1e-6)
    bans: Bans = np.log10(within / (1 - within))
    return bans
