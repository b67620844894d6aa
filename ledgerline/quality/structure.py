"""Facts that can't be what they say, whatever their size."""

from collections.abc import Mapping

import numpy as np

from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality.board import NO_START, Board
from ledgerline.quality.evidence import Evidence
from ledgerline.quality.findings import Finding

BACKWARDS = "period ends before it starts"
UNREADABLE = "value is not a finite number"
UNNAMED = "no unit"
OVERSIZED = "larger than any such amount can be"


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


def size_findings(
    board: Board, catalogue: Catalogue, largest: Mapping[str, float]
) -> list[Finding]:
    """Facts of a catalogued metric beyond what its unit kind allows (`largest`, in whole units).

    A dividend of $40 million *a share* is the total under the wrong tag: no power of ten mends
    it, so nothing is suggested.
    """
    kinds = {tag: metric.unit_kind for metric in catalogue.metrics for tag in metric.tags}
    limits = [largest.get(kinds.get(name, ""), np.inf) for name in board.metrics]
    with np.errstate(invalid="ignore"):
        broken = np.abs(board.value) > np.array(limits)[board.metric]
    evidence = (Evidence("size", OVERSIZED, 9.0),)
    return [Finding(int(row), OVERSIZED, 1.0, None, evidence) for row in np.flatnonzero(broken)]
