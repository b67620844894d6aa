"""How far a fact lies from what it is compared with, and how much that says.

Evidence is counted in bans: 1 ban makes an explanation ten times likelier, and independent
bans add up. `Comparison.bans(rows, power)` weighs "this value is too large by 10**power"
against "this value is right" for each row.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ledgerline.quality.board import Codes, Floats

Rows = npt.NDArray[np.intp]
Bans = npt.NDArray[np.float64]

# Surprises spread evenly over these many powers of ten to either side, and beyond them grow
# rarer by RARER bans a power of ten (neighbouring quarters of the real filings in
# ../shared/data differ by a thousandfold a tenth as often as by sixtyfold).
EVEN = 3.0
RARER = 0.5

# Height of Student's t with three degrees of freedom at 0, for a spread of 1.
PEAK = 0.3675526


class Comparison(Protocol):
    """One thing that every fact may be compared with."""

    @property
    def detector(self) -> str:
        """Which detector it belongs to, then perhaps a colon and what it compares."""
        ...

    def bans(self, rows: Rows, power: int) -> Bans:
        """Evidence for each of `rows` being too large by 10**power; 0 where it can't say."""
        ...


@dataclass(frozen=True)
class Distance:
    """A fact's level less the level it should have.

    distance: float32 log10 ratio of each row to its expectation, NaN where there is none
    spread:   how far right values lie from the expectation, in powers of ten, per row or one
    surprise: how often a right value lies anywhere else (a true jump, a restatement), likewise
    limit:    the most bans that this comparison may give: it can never outweigh the chance
              that the value compared with is the wrong one
    alarm:    distance from which the fact is worth weighing at all
    other:    the row compared with, -1 where it isn't one single row
    only:     sorted rows that `distance` is about, where it is about few; else it has them all
    whole:    whether the distance is that of the row's whole filing, not its own
    """

    detector: str
    distance: Floats
    spread: Floats | float
    surprise: Floats | float
    limit: float
    alarm: float
    other: Codes | None = None
    only: Rows | None = None
    whole: bool = False

    def bans(self, rows: Rows, power: int) -> Bans:
        distance = self.distance_of(rows)
        known = np.flatnonzero(np.isfinite(distance))
        distance = distance[known]
        spread, surprise = _take(self.spread, rows[known]), _take(self.surprise, rows[known])
        odds = _log10_density(distance - power, spread, surprise) - _log10_density(
            distance, spread, surprise
        )
        bans = np.zeros(len(rows))
        bans[known] = _limited(odds, self.limit, self.limit)
        return bans

    def distance_of(self, rows: Rows) -> Bans:
        """Distances of `rows`, NaN where there is none."""
        if self.only is None:
            return self.distance[rows].astype(np.float64)
        place = np.minimum(np.searchsorted(self.only, rows), max(len(self.only) - 1, 0))
        if not len(self.only):
            return np.full(len(rows), np.nan)
        return np.where(self.only[place] == rows, self.distance[place].astype(np.float64), np.nan)

    def alarming(self) -> Rows:
        """Rows that lie farther off than `alarm`."""
        with np.errstate(invalid="ignore"):
            far = np.flatnonzero(np.abs(self.distance) > self.alarm)
        return far if self.only is None else self.only[far]


@dataclass(frozen=True)
class Grain:
    """The zeros a value ends in against those that its filing's values usually end in.

    A filing in thousands seldom holds 5,123 (÷1,000), and few of its values end in six zeros
    (×1,000). `usual` is [filings, grains] log10 frequency; `grain` each row's column in it.
    """

    detector: str
    grain: npt.NDArray[np.int8]
    filing: Codes
    usual: Floats
    limit: float
    limit_against: float

    def bans(self, rows: Rows, power: int) -> Bans:
        grain, filing = self.grain[rows].astype(np.intp), self.filing[rows]
        last = self.usual.shape[1] - 1
        moved = np.clip(grain - power, 0, last)
        odds = (self.usual[filing, moved] - self.usual[filing, grain]).astype(np.float64)
        return _limited(odds, self.limit, self.limit_against)


def _limited(odds: Bans, most: float, most_against: float) -> Bans:
    """`odds` within limits; what lies beyond counts a fiftieth, so that the best fit still wins."""
    within = np.clip(odds, -most_against, most)
    limited: Bans = within + (odds - within) / 50.0
    return limited


def _take(values: Floats | float, rows: Rows) -> npt.NDArray[np.float64]:
    if isinstance(values, float):
        return np.full(len(rows), values)
    return values[rows].astype(np.float64)


def log10_surprise(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """log10 density of a true surprise at `distance`."""
    beyond = np.maximum(np.abs(distance) - EVEN, 0.0)
    density: npt.NDArray[np.float64] = -np.log10(4.0 * EVEN) - RARER * beyond
    return density


def _log10_density(
    distance: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
    surprise: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Student's t with three degrees of freedom around 0, and surprises beside it."""
    core = PEAK / spread / (1.0 + (distance / spread) ** 2 / 3.0) ** 2
    density: npt.NDArray[np.float64] = np.log10(
        (1.0 - surprise) * core + surprise * 10.0 ** log10_surprise(distance)
    )
    return density
