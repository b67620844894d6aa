"""Evidence in words, for the person who decides."""

from dataclasses import asdict, dataclass
from datetime import date

import numpy as np

from ledgerline.quality.board import NO_START, SMALLEST_GRAIN, Board
from ledgerline.quality.comparison import Distance, Grain
from ledgerline.quality.rule import Panel

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one comparison says. bans: for (+) or against (−) the suspicion."""

    detector: str
    says: str
    bans: float
    expected: float | None = None
    accession: str | None = None

    def as_json(self) -> dict[str, object]:
        """The fields that hold something."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def explain(
    board: Board, panel: Panel, row: int, bans: np.ndarray, least: float = 0.05
) -> list[Evidence]:
    """One sentence for each comparison that weighs at least `least` bans, heaviest first."""
    said = [
        _evidence(board, comparison, row, float(weight))
        for comparison, weight in zip(panel.comparisons, bans, strict=True)
        if abs(weight) >= least
    ]
    return sorted(said, key=lambda evidence: -abs(evidence.bans))


def _evidence(board: Board, comparison: object, row: int, bans: float) -> Evidence:
    bans = round(bans, 2)
    if isinstance(comparison, Grain):
        zeros = int(board.zeros[row])
        usual = int(np.argmax(comparison.usual[comparison.filing[row]])) + SMALLEST_GRAIN
        ending = f"ends in {zeros} zeros" if zeros > 0 else f"has {-zeros} decimals"
        if zeros == 0:
            ending = "ends in no zero"
        return Evidence("grain", f"{ending}; values of this filing usually end in {usual}", bans)
    if not isinstance(comparison, Distance):
        raise TypeError(f"no words for {comparison!r}")
    expected = float(
        np.abs(board.value[row]) / 10.0 ** float(comparison.distance_of(np.array([row]))[0])
    )
    name, _, relation = comparison.detector.partition(": ")
    other = -1 if comparison.other is None else int(comparison.other[row])
    if name == "siblings":
        says = f"{relation}: that needs {_rounded(expected, 6)}"
        return Evidence(name, says, bans, expected)
    if other < 0:
        says = f"companies of this size usually report about {_rounded(expected, 3)}"
        return Evidence(name, says, bans, expected)
    accession = board.filings[board.filing[other]]
    expected = float(abs(board.value[other]))
    if name == "refiled":
        says = f"filed {_date(board.filed[other])} the same fact is {board.value[other]:,.15g}"
    else:
        says = f"{_period(board, other)} is {board.value[other]:,.15g}"
    return Evidence(name, says, bans, expected, accession)


def _rounded(value: float, digits: int) -> str:
    """A value to so many digits, written out: 170,535,000."""
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def _period(board: Board, row: int) -> str:
    end = _date(board.end[row])
    if board.start[row] == NO_START:
        return f"at {end} it"
    months = round((int(board.end[row]) - int(board.start[row]) + 1) / 30.44)
    return f"over the {months} months to {end} it"


def _date(days: np.integer) -> str:
    return date.fromordinal(int(days) + _EPOCH).isoformat()
