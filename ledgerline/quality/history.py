"""The company's own history of a metric: jumps by a power of ten that come back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ledgerline.quality.board import Board, Codes, Flags, Floats
from ledgerline.quality.comparison import Distance
from ledgerline.settings import Settings

# Mean distance of a normal variable from 0, in standard deviations.
MEAN_DISTANCE = 0.798


class HistorySettings(Settings):
    """How much a metric moves between neighbouring periods.

    neighbours:      periods looked at before and after, each
    least_spread:    no metric is steadier than this, in powers of ten
    prior_spread:    spread of a metric that has no other history
    prior_surprise:  share of neighbours that differ by more than `far`, before any is seen
    prior_weight:    how many neighbours the two priors count for
    far:             a difference beyond this many powers of ten is a surprise
    limit:           most bans from one neighbour
    alarm:           distance that makes a fact worth weighing
    """

    neighbours: int
    least_spread: float
    prior_spread: float
    prior_surprise: float
    prior_weight: float
    far: float
    limit: float
    alarm: float


@dataclass(frozen=True)
class Restlessness:
    """Per row: how far neighbouring periods of its metric lie apart, how often far apart.

    From all companies' neighbouring periods but the row's own, which an error would disturb.
    """

    spread: Floats
    surprise: Floats


def history(
    board: Board, trusted: Flags, settings: HistorySettings
) -> tuple[list[Distance], Restlessness]:
    """Distance of every fact to the neighbouring periods of its series."""
    level, first = point_levels(board, trusted)
    series = board.series[first]
    restless = restlessness(board, level, first, settings)
    told_by = _first_trusted(board, trusted, len(first))
    comparisons = []
    point = np.arange(len(first), dtype=np.int32)
    for steps in range(1, settings.neighbours + 1):
        for shift in (steps, -steps):
            other = point + np.int32(shift)
            inside = (other >= 0) & (other < len(first))
            other = np.where(inside, other, 0)
            inside &= series[other] == series
            expected = np.where(inside, level[other], np.nan)
            comparisons.append(
                Distance(
                    detector="history",
                    distance=(board.rate - expected[board.point]).astype(np.float32),
                    spread=restless.spread,
                    surprise=restless.surprise,
                    limit=settings.limit,
                    alarm=settings.alarm,
                    other=np.where(inside, told_by[other], -1)[board.point].astype(np.int32),
                )
            )
    return comparisons, restless


def point_levels(board: Board, trusted: Flags) -> tuple[npt.NDArray[np.float64], Codes]:
    """Median rate of each point's trusted facts (NaN if none), and each point's first row."""
    rates = pd.Series(np.where(trusted, board.rate, np.nan))
    level = np.asarray(rates.groupby(board.point).median(), np.float64)
    first = np.flatnonzero(np.diff(board.point, prepend=-1)).astype(np.int32)
    return level, first


def _first_trusted(board: Board, trusted: Flags, points: int) -> Codes:
    """The first trusted row of each point, -1 where it has none.

    An untrusted filing must not stand for a level that it doesn't give, or a filing that is off
    as a whole would seem confirmed by another one.
    """
    first = np.full(points, -1, np.int32)
    rows = np.flatnonzero(trusted)[::-1]
    first[board.point[rows]] = rows
    return first


def restlessness(
    board: Board, level: npt.NDArray[np.float64], first: Codes, settings: HistorySettings
) -> Restlessness:
    """Spread and surprise of each row's metric, its own point's steps left out."""
    series, metric = board.series[first], board.metric[first]
    step = np.abs(np.diff(level))
    usable = (series[1:] == series[:-1]) & np.isfinite(step)
    counted = usable.astype(np.float64)
    distance = np.where(usable, np.minimum(step, settings.far / 2), 0.0)
    far = np.where(usable, step > settings.far, 0.0)

    def elsewhere(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum over the metric's steps, less the two that touch the point."""
        whole = np.bincount(metric[1:], values, minlength=len(board.metrics))[metric]
        others: npt.NDArray[np.float64] = whole - np.append(values, 0.0) - np.insert(values, 0, 0.0)
        return others

    seen = elsewhere(counted) + settings.prior_weight
    mean = elsewhere(distance) + settings.prior_weight * settings.prior_spread * MEAN_DISTANCE
    surprises = elsewhere(far) + settings.prior_weight * settings.prior_surprise
    spread = np.maximum(mean / seen / MEAN_DISTANCE, settings.least_spread)
    surprise = np.minimum(surprises / seen, 0.5)
    return Restlessness(
        spread=spread.astype(np.float32)[board.point],
        surprise=surprise.astype(np.float32)[board.point],
    )
