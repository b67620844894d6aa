"""What is set aside, and why."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from ledgerline.quality.board import Board, Flags, Kind
from ledgerline.quality.evidence import Evidence, explain
from ledgerline.quality.rule import Scope
from ledgerline.quality.weighing import Weighed

SCALE = {
    Scope.FACT: "off by a power of ten",
    Scope.FILING: "whole filing off by a power of ten",
    Scope.METRIC: "metric off by a power of ten in every filing",
}
PERCENT = "percent given as ratio, or ratio as percent"
REASONS = (*SCALE.values(), PERCENT)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that should not be used as it stands.

    row: its row on the board; factor: what to multiply the value by to mend it, None when no
    factor would; confidence: probability that it is wrong, under the rule.
    """

    row: int
    reason: str
    confidence: float
    factor: Decimal | None
    evidence: tuple[Evidence, ...]


def scale_findings(board: Board, weighed: Weighed) -> list[Finding]:
    """Findings of the facts that the verdicts set aside, in the board's order."""
    verdicts, confidence = weighed.verdicts, weighed.verdicts.confidence
    found = []
    for number in np.flatnonzero(weighed.set_aside[verdicts.rows]):
        row, power = int(verdicts.rows[number]), int(verdicts.power[number])
        ratio = board.kind[row] == Kind.RATIO and abs(power) == 2
        found.append(
            Finding(
                row=row,
                reason=PERCENT if ratio else SCALE[Scope(verdicts.scope[number])],
                confidence=float(confidence[number]),
                factor=Decimal(10) ** -power,
                evidence=tuple(explain(board, weighed.panel, row, verdicts.evidence[number])),
            )
        )
    return found


def flags(board: Board, findings: list[Finding]) -> Flags:
    """Which rows of the board have a finding."""
    marked = np.zeros(len(board), bool)
    marked[[finding.row for finding in findings]] = True
    return marked
