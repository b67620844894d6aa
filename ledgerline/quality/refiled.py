"""The same fact in other filings: amendments, and next year's comparatives."""

import numpy as np

from ledgerline.quality.board import Board, Flags
from ledgerline.quality.comparison import Distance
from ledgerline.settings import Settings


class RefiledSettings(Settings):
    """How often and how far a right value differs when it is filed again."""

    spread: float
    surprise: float
    limit: float
    alarm: float
    others: int


def refiled(board: Board, trusted: Flags, settings: RefiledSettings) -> list[Distance]:
    """Distance of every fact to the same fact in up to 2 × `others` other filings.

    Rows of one fact are adjacent and in order of filing date, so the others are found by
    shifting. `trusted` says which rows may be compared with.
    """
    comparisons = []
    for steps in range(1, settings.others + 1):
        for shift in (steps, -steps):
            other = np.arange(len(board), dtype=np.int32) + np.int32(shift)
            inside = (other >= 0) & (other < len(board))
            other = np.where(inside, other, 0)
            usable = inside & (board.point[other] == board.point)
            usable &= trusted[other] & (board.filing[other] != board.filing)
            if not usable.any():
                continue
            distance = np.where(usable, board.level - board.level[other], np.nan)
            comparisons.append(
                Distance(
                    detector="refiled",
                    distance=distance.astype(np.float32),
                    spread=settings.spread,
                    surprise=settings.surprise,
                    limit=settings.limit,
                    alarm=settings.alarm,
                    other=np.where(usable, other, -1).astype(np.int32),
                )
            )
    return comparisons
