"""The rounding that a filing's values share: dollars, thousands, millions."""

import numpy as np

from ledgerline.quality.board import LARGEST_GRAIN, SMALLEST_GRAIN, Board, Kind
from ledgerline.quality.comparison import Grain
from ledgerline.settings import Settings


class GrainSettings(Settings):
    """weight: how many values of its own a filing needs to outweigh the average filing;
    fraction_of_share: log10 frequency of a right share count that isn't whole;
    limit, limit_against: most bans for and against an error (people round by hand, too)."""

    weight: float
    fraction_of_share: float
    limit: float
    limit_against: float


def grain(board: Board, settings: GrainSettings) -> list[Grain]:
    """How usual each value's number of trailing zeros is in its own filing."""
    grains = LARGEST_GRAIN - SMALLEST_GRAIN + 1
    counted = np.isfinite(board.level)
    column = (board.zeros - SMALLEST_GRAIN).astype(np.int8)
    # Money and shares are often rounded differently in one filing; per-share data always.
    group = board.filing.astype(np.int64) * len(Kind) + board.kind
    groups = len(board.filings) * len(Kind)
    cells = np.bincount((group * grains + column)[counted], minlength=groups * grains).reshape(
        groups, grains
    )
    by_kind = cells.reshape(-1, len(Kind), grains).sum(axis=0) + 0.5
    average = by_kind / by_kind.sum(axis=1, keepdims=True)
    prior = settings.weight * np.tile(average, (len(board.filings), 1))
    share = (cells + prior) / (cells.sum(axis=1, keepdims=True) + settings.weight)
    # There are no fractions of a share: a count with decimals is stated in thousands or more.
    usual = np.log10(share).reshape(-1, len(Kind), grains)
    usual[:, Kind.SHARES, :-SMALLEST_GRAIN] = settings.fraction_of_share
    return [
        Grain(
            detector="grain",
            grain=column,
            filing=group.astype(np.int32),
            usual=usual.reshape(groups, grains).astype(np.float32),
            limit=settings.limit,
            limit_against=settings.limit_against,
        )
    ]
