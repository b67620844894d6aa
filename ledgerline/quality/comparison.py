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

# A legitimate surprise may lie anywhere in this many powers of ten.
DECADES = 12.0


class Comparison(Protocol):
    """One thing that every fact may be compared with."""

    detector: str

    def bans(self, rows: Rows, power: int) -> Bans:
        """Evidence for each of `rows` being too large by 10**power; 0 where it can't say."""
        ...


@dataclass(frozen=True)
class Distance:
    """A fact's level less the level it should have.

    distance: float32 log10 ratio of each row to its expectation, NaN where there is none
    spread:   how far right values lie from the expectation, in powers of ten
    surprise: how often a right value lies anywhere else (a true jump, a restatement)
    limit:    the most bans that this comparison may give: it can never outweigh the chance
              that the value compared with is the wrong one
    alarm:    distance from which the fact is worth weighing at all
    other:    the row compared with, -1 where it isn't one single row
    """

    detector: str
    distance: Floats
    spread: Floats | float
    surprise: Floats | float
    limit: float
    alarm: float
    other: Codes | None = None

    def bans(self, rows: Rows, power: int) -> Bans:
        distance = self.distance[rows].astype(np.float64)
        spread = _take(self.spread, rows)
        surprise = _take(self.surprise, rows)
        odds = _log10_density(distance - power, spread, surprise) - _log10_density(
            distance, spread, surprise
        )
        return np.clip(np.nan_to_num(odds), -self.limit, self.limit)


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

    def bans(self, rows: Rows, power: int) -> Bans:
        grain, filing = self.grain[rows].astype(np.intp), self.filing[rows]
        last = self.usual.shape[1] - 1
        moved = np.clip(grain - power, 0, last)
        odds = (self.usual[filing, moved] - self.usual[filing, grain]).astype(np.float64)
        return np.clip(odds, -self.limit, self.limit)


def _take(values: Floats | float, rows: Rows) -> npt.NDArray[np.float64]:
    if isinstance(values, float):
        return np.full(len(rows), values)
    return values[rows].astype(np.float64)


def _log10_density(
    distance: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
    surprise: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Student's t with three degrees of freedom around 0, over a flat floor of surprises."""
    core = 0.3675526 / spread / (1.0 + (distance / spread) ** 2 / 3.0) ** 2
    density: npt.NDArray[np.float64] = np.log10((1.0 - surprise) * core + surprise / DECADES)
    return density
