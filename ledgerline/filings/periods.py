"""Fiscal periods and their names."""

import re
from datetime import date
from enum import StrEnum
from typing import NamedTuple


class Span(StrEnum):
    """What part of a fiscal year a period covers; H1 and M9 run from the year's start."""

    FY = "FY"
    Q1 = "Q1"
    Q2 = "Q2"
    Q3 = "Q3"
    Q4 = "Q4"
    H1 = "H1"
    M9 = "M9"

    # Enum's own hash is a function in Python, and every look-up of a period asks for it.
    __hash__ = str.__hash__


QUARTERS = (Span.Q1, Span.Q2, Span.Q3, Span.Q4)
_PREFIX = {Span.H1: "H1", Span.M9: "9M"}


class Period(NamedTuple):
    """A fiscal year or a part of one. A balance "at" a period is the balance at its end.

    A tuple, since searching makes, hashes and sorts many.
    """

    fiscal_year: int
    span: Span

    @property
    def label(self) -> str:
        """`FY2023`, `Q3 2023`, `H1 2023` (six months), `9M 2023` (nine months)."""
        if self.span is Span.FY:
            return f"FY{self.fiscal_year}"
        return f"{_PREFIX.get(self.span, self.span.value)} {self.fiscal_year}"

    @property
    def prior(self) -> "Period":
        """The same part of the year before."""
        return Period(self.fiscal_year - 1, self.span)

    @property
    def preceding(self) -> "Period":
        """The quarter before a quarter; for any other span, `prior`."""
        if self.span not in QUARTERS:
            return self.prior
        position = QUARTERS.index(self.span)
        if position == 0:
            return Period(self.fiscal_year - 1, Span.Q4)
        return Period(self.fiscal_year, QUARTERS[position - 1])

    @classmethod
    def parse_label(cls, label: str) -> "Period":
        """The inverse of `label`; ValueError on anything else."""
        match = re.fullmatch(r"(?:FY|(Q[1-4]|H1|9M) )(\d{4})", label)
        if not match:
            raise ValueError(f"not a period label: {label!r}")
        span = "M9" if match[1] == "9M" else match[1] or "FY"
        return cls(int(match[2]), Span(span))


_YEARS = range(1900, 2100)


def checked_day(day: date) -> date:
    """`day`, if a filing may report it; ValueError for a year that is a slip of the pen."""
    if day.year not in _YEARS:
        raise ValueError(f"no year of a filing: {day}")
    return day


def end_of_month(year: int, month: int) -> date:
    """The last day of a month."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1)
