"""The company's own history of a metric: jumps by a power of ten that come back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ledgerline.quality.board import Board, Codes, Flags, Floats
from ledgerline.quality.comparison import Distance
from ledgerline.settings import Settings

MAD_TO_SIGMA = 1.4826


class HistorySettings(Settings):
    """How much a metric moves between neighbouring periods.

    neighbours:      periods looked at before and after, each
    least_spread:    no metric is steadier than this, in powers of ten
    prior_spread:    spread of a metric that has no history
    prior_surprise:  share of neighbours that differ by more than `far`, before any is seen
    prior_weight:    how many neighbours the two priors count for
    far:             a difference beyond this many powers of ten is a surprise
    limit:           most bans from one neighbour
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
    """Per metric: how far neighbouring periods lie apart, and how often they are far apart."""

    spread: Floats
    surprise: Floats


def history(
    board: Board, trusted: Flags, settings: HistorySettings
) -> tuple[list[Distance], Restlessness]:
    """Distance of every fact to the neighbouring periods of its series."""
    level, first = point_levels(board, trusted)
    series = board.series[first]
    metric = board.metric[first]
    restless = restlessness(level, series, metric, len(board.metrics), settings)
    spread, surprise = restless.spread[board.metric], restless.surprise[board.metric]
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
                    spread=spread,
                    surprise=surprise,
                    limit=settings.limit,
                    alarm=settings.alarm,
                    other=np.where(inside, first[other], -1)[board.point].astype(np.int32),
                )
            )
    return comparisons, restless


def point_levels(board: Board, trusted: Flags) -> tuple[npt.NDArray[np.float64], Codes]:
    """Median rate of each point's trusted facts (NaN if none), and each point's first row."""
    rates = pd.Series(np.where(trusted, board.rate, np.nan))
    level = rates.groupby(board.point).median().to_numpy(np.float64)
    first = np.flatnonzero(np.diff(board.point, prepend=-1)).astype(np.int32)
    return level, first


def restlessness(
    level: npt.NDArray[np.float64],
    series: Codes,
    metric: Codes,
    metrics: int,
    settings: HistorySettings,
) -> Restlessness:
    """Spread and surprise of each metric from all companies' neighbouring periods."""
    step = np.abs(np.diff(level))
    usable = (series[1:] == series[:-1]) & np.isfinite(step)
    grouped = pd.Series(step[usable]).groupby(metric[1:][usable])
    spread = np.full(metrics, settings.prior_spread)
    surprise = np.full(metrics, settings.prior_surprise)
    median, count = grouped.median(), grouped.size()
    far = (pd.Series(step[usable] > settings.far)).groupby(metric[1:][usable]).sum()
    weight = settings.prior_weight
    index = median.index.to_numpy()
    seen = count.to_numpy(np.float64)
    own = MAD_TO_SIGMA * median.to_numpy()
    spread[index] = (seen * own + weight * settings.prior_spread) / (seen + weight)
    surprise[index] = (far.to_numpy() + weight * settings.prior_surprise) / (seen + weight)
    return Restlessness(
        spread=np.maximum(spread, settings.least_spread).astype(np.float32),
        surprise=np.minimum(surprise, 0.5).astype(np.float32),
    )
