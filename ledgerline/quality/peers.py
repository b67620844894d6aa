"""Other companies' values of a metric, each allowed for its size."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ledgerline.quality.board import Board, Flags, Kind
from ledgerline.quality.comparison import Distance
from ledgerline.settings import Settings

# Median absolute deviation of a normal variable, times this, is its standard deviation.
MAD_TO_SIGMA = 1.4826


class PeersSettings(Settings):
    """companies: fewest companies that make peers; the rest as in the other detectors;
    size_limit: most bans from how usual a filing's size is."""

    companies: int
    least_spread: float
    surprise: float
    limit: float
    alarm: float
    rounds: int
    size_limit: float


def peers(board: Board, trusted: Flags, settings: PeersSettings) -> list[Distance]:
    """Distance of every fact to what companies of its company's size usually report.

    A company's size and a metric's usual level are medians, found in turn over money facts
    (Tukey's median polish of log10 values). Share counts follow size by a fitted line;
    per-share data and ratios don't depend on size. Metrics of fewer than `companies`
    companies say nothing.
    """
    return [_own_metric(board, trusted, settings), _filing_size(board, trusted, settings)]


def _own_metric(board: Board, trusted: Flags, settings: PeersSettings) -> Distance:
    rate = np.where(trusted, board.rate, np.nan)
    money = np.where(board.kind == Kind.MONEY, rate, np.nan)
    usual = np.zeros(len(board.metrics))
    size = np.zeros(len(board.companies))
    for _ in range(settings.rounds):
        usual = _medians(money - size[board.company], board.metric, len(usual))
        size = _medians(money - usual[board.metric], board.company, len(size))
    slope = np.array([1.0, _slope(board, rate, size), 0.0, 0.0, 0.0])
    sized = board.rate - slope[board.kind] * size[board.company]
    usual = _medians(np.where(trusted, sized, np.nan), board.metric, len(usual))
    distance = sized - usual[board.metric]
    spread = MAD_TO_SIGMA * _medians(
        np.abs(np.where(trusted, distance, np.nan)), board.metric, len(usual)
    )
    pairs = pd.DataFrame({"metric": board.metric, "company": board.company}).drop_duplicates()
    members = np.bincount(pairs["metric"], minlength=len(usual))
    distance[(members < settings.companies)[board.metric]] = np.nan
    return Distance(
        detector="peers",
        distance=distance.astype(np.float32),
        spread=np.maximum(spread, settings.least_spread).astype(np.float32)[board.metric],
        surprise=settings.surprise,
        limit=settings.limit,
        alarm=settings.alarm,
    )


def _filing_size(board: Board, trusted: Flags, settings: PeersSettings) -> Distance:
    """How much larger or smaller all amounts of a filing are than those of the usual filing.

    The filing's own facts count whether trusted or not: its size is what is in question.
    """
    money = np.where(board.kind == Kind.MONEY, board.rate, np.nan)
    usual = _medians(np.where(trusted, money, np.nan), board.metric, len(board.metrics))
    size = _medians(money - usual[board.metric], board.filing, len(board.filings))
    spread = max(MAD_TO_SIGMA * float(np.median(np.abs(size))), settings.least_spread)
    return Distance(
        detector="size",
        distance=size[board.filing].astype(np.float32),
        spread=spread,
        surprise=settings.surprise,
        limit=settings.size_limit,
        alarm=np.inf,
        whole=True,
    )


def _slope(board: Board, rate: npt.NDArray[np.floating], size: npt.NDArray[np.float64]) -> float:
    """How fast companies' share counts grow with their size, in log10 per log10."""
    shares = np.where(board.kind == Kind.SHARES, rate, np.nan)
    metric_level = _medians(shares, board.metric, len(board.metrics))
    counts = pd.Series(shares - metric_level[board.metric]).groupby(board.company).median()
    known = np.flatnonzero(np.isfinite(counts.to_numpy()) & (size[counts.index] != 0))
    if len(known) < 3:
        return 0.0
    return float(np.polyfit(size[counts.index[known]], counts.to_numpy()[known], 1)[0])


def _medians(
    values: npt.NDArray[np.floating], codes: npt.NDArray[np.integer], groups: int
) -> npt.NDArray[np.float64]:
    """Median of `values` for each of `groups` codes; 0 for a group without a value."""
    medians = pd.Series(values).groupby(codes).median()
    result = np.zeros(groups)
    result[medians.index.to_numpy()] = np.nan_to_num(medians.to_numpy())
    return result
