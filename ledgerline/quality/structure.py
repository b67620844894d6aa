"""Facts that can't be what they say, whatever their size."""

import numpy as np

from ledgerline.quality.board import NO_START, Board
from ledgerline.quality.evidence import Evidence
from ledgerline.quality.findings import Finding

BACKWARDS = "period ends before it starts"
UNREADABLE = "value is not a finite number"
UNNAMED = "no unit"


def structure_findings(board: Board) -> list[Finding]:
    """Periods that run backwards, values that are no numbers, values without a unit."""
    unnamed = np.array([not unit.strip() for unit in board.units], bool)
    faults = (
        (UNREADABLE, ~np.isfinite(board.value)),
        (BACKWARDS, (board.start != NO_START) & (board.start > board.end)),
        (UNNAMED, unnamed[board.unit]),
    )
    found: dict[int, Finding] = {}
    for reason, broken in faults:
        for row in np.flatnonzero(broken):
            evidence = (Evidence("structure", reason, 9.0),)
            found.setdefault(int(row), Finding(int(row), reason, 1.0, None, evidence))
    return list(found.values())
