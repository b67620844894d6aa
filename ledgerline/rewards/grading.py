"""Grading a figure against the fact, by value, unit, scale and stated precision."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ledgerline.examples.example import Reference
from ledgerline.filings import figures

_COARSEST = Decimal("0.005")
"""Half a percent of the value may always be left out: "$383 billion" for 383,285,000,000."""


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Grade:
    """A verdict, and where it is not right, why.

    `fault` is one of "" (right), "value", "sign", "scale" (off by a power of ten), "unit",
    "precision" (right as far as it goes, but too coarse), "none due" and "no figure".
    """

    verdict: Verdict
    fault: str = ""

    @property
    def right(self) -> bool:
        """Whether the figure may stand in the document."""
        return self.verdict is Verdict.RIGHT


def grade(answer: str, reference: Reference | None) -> Grade:
    """How `answer` fares against the fact; any figure is wrong where `reference` is None.

    The answer must be one figure, as `figures.read` takes it. It is right if the fact rounds to
    it at the precision it states, and that precision is no coarser than the house style's
    (`figures.render`) or half a percent of the value.
    """
    try:
        amount = figures.read(answer)
    except ValueError:
        return Grade(Verdict.UNREADABLE, "no figure")
    if reference is None:
        return Grade(Verdict.WRONG, "none due")
    fault = _fault(amount, reference.value, reference.unit)
    return Grade(Verdict.WRONG, fault) if fault else Grade(Verdict.RIGHT)


def _fault(amount: figures.Amount, value: Decimal, unit: str) -> str:
    if not figures.units_agree(amount.unit, unit):
        return "unit"
    if _agrees(amount.value, value, amount.quantum):
        usual = figures.read(figures.render(value, unit)).quantum
        return "" if amount.quantum <= max(usual, 2 * _COARSEST * abs(value)) else "precision"
    if _agrees(-amount.value, value, amount.quantum):
        return "sign"
    return "scale" if _is_off_by_a_power_of_ten(amount, value) else "value"


def _agrees(stated: Decimal, value: Decimal, quantum: Decimal) -> bool:
    return abs(stated - value) <= quantum / 2


def _is_off_by_a_power_of_ten(amount: figures.Amount, value: Decimal) -> bool:
    if value == 0 or amount.value == 0:
        return False
    # Digits decide: "$383.3 million" shows those of 383,285,000,000 at another power.
    shift = value.adjusted() - amount.value.adjusted()
    for power in (shift - 1, shift, shift + 1):
        scaled = amount.value.scaleb(power)
        if power and _agrees(scaled, value, amount.quantum.scaleb(power)):
            return True
    return False
