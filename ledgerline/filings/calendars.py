"""A company's fiscal calendar, and which period a fact's dates are."""

from bisect import bisect_left
from calendar import monthrange
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from ledgerline.filings.periods import QUARTERS, Period, Span

NEAR = 12
"""Days by which an end may miss a fiscal year's end: 52/53-week years, month-rounded dates."""
_QUARTER = 91.31
_ANNUAL_FORMS = ("10-K", "20-F", "40-F")


@lru_cache(maxsize=100_000)
def _parsed(day: str) -> date:
    return date.fromisoformat(day)


def day_of(stored: date | str) -> date:
    """The day that a store gives, as text where it has no dates of its own."""
    return _parsed(stored) if isinstance(stored, str) else stored


@dataclass(frozen=True, slots=True)
class Calendar:
    """The ends of a company's fiscal years, oldest first; a transition period counts as one.

    Years before the first and after the last repeat their day. A fiscal year is named by the
    calendar year in which it ends, except that one ending in the first week of January
    belongs to the year before (the 52/53-week calendar year).
    """

    year_ends: tuple[date, ...]

    @classmethod
    def derive(
        cls, durations: Iterable[tuple[date, date, str]], fiscal_year_end: str = ""
    ) -> "Calendar":
        """From the (start, end, form) of a company's facts; failing any, from "MMDD"."""
        years: Counter[date] = Counter()
        transitions: Counter[date] = Counter()
        for start, end, form in durations:
            days = (end - start).days + 1
            if form.startswith(_ANNUAL_FORMS) and 340 <= days <= 385:
                years[end] += 1
            elif form.startswith("10-KT") and days < 340:
                transitions[end] += 1
        ends: list[date] = []
        for end in sorted(years):
            if ends and (end - ends[-1]).days < 300:
                short = any(abs((t - e).days) <= NEAR for t in transitions for e in (end, ends[-1]))
                if (end - ends[-1]).days <= 2 * NEAR or not short:
                    if years[end] > years[ends[-1]]:
                        ends[-1] = end
                    continue
            ends.append(end)
        for end in transitions:
            # Amid a year or transition ends what the report compares with, or a quarter.
            amid = any(0 < (other - end).days < 340 for other in (*ends, *transitions))
            if not amid and all(abs((end - other).days) > 25 for other in ends):
                ends.append(end)
        if not ends:
            month, day = _month_day(fiscal_year_end)
            ends = [_dated(2000, month, day)]
        return cls(tuple(sorted(ends)))

    def end_of_year(self, day: date) -> tuple[date, date]:
        """(end of the fiscal year before, end of the fiscal year) in which `day` lies."""
        ends = self.year_ends
        at = bisect_left(ends, day - timedelta(days=NEAR))
        if at == len(ends):
            previous, end = ends[-1], _shifted(ends[-1], 1)
            while end < day - timedelta(days=NEAR):
                previous, end = end, _shifted(end, 1)
            return previous, end
        end = ends[at]
        previous = _shifted(end, -1)
        if at > 0 and (end - ends[at - 1]).days < 385:
            return ends[at - 1], end
        floor = ends[at - 1] if at > 0 else date.min
        while day - timedelta(days=NEAR) <= previous and previous > floor:
            previous, end = _shifted(previous, -1), previous
        return max(previous, floor), end

    def quarter(self, end: date) -> Period | None:
        """The quarter that ends on (about) `end`; the fourth where the fiscal year does."""
        previous, year_end = self.end_of_year(end)
        position = (end - previous).days / _QUARTER
        if abs((end - year_end).days) <= NEAR and (year_end - previous).days > 340:
            return Period(fiscal_year_of(year_end), Span.Q4)
        number = round(position)
        if not 1 <= number <= 4 or abs(position - number) > 0.3:
            return None
        return Period(fiscal_year_of(year_end), QUARTERS[number - 1])

    def label(self, start: date | None, end: date) -> Period | None:
        """The period of a fact by its dates; None where it is no period of the calendar.

        A balance at a fiscal year's end is labelled with the year (FY), at a quarter's end
        with the quarter.
        """
        if start is None:
            period = self.quarter(end)
            if period and period.span is Span.Q4:
                return Period(period.fiscal_year, Span.FY)
            return period
        days = (end - start).days + 1
        if 70 <= days <= 125:
            return self.quarter(end)
        previous, year_end = self.end_of_year(end)
        from_start = abs((start - previous).days - 1) <= NEAR
        to_end = abs((end - year_end).days) <= NEAR
        span = None
        if 340 <= days <= 385 and to_end:
            span = Span.FY
        elif 155 <= days <= 205 and from_start:
            span = Span.H1
        elif 245 <= days <= 300 and from_start:
            span = Span.M9
        return Period(fiscal_year_of(year_end), span) if span else None

    def completed(self, day: date) -> Period:
        """The last quarter completed on or before `day`."""
        previous, year_end = self.end_of_year(day)
        if day >= year_end:
            return Period(fiscal_year_of(year_end), Span.Q4)
        number = int((day - previous).days / _QUARTER + 0.02)
        if number <= 0:
            return Period(fiscal_year_of(year_end) - 1, Span.Q4)
        return Period(fiscal_year_of(year_end), QUARTERS[min(number, 3) - 1])


class Labels(dict[tuple[date | str | None, date | str], Period | None]):
    """What period of `calendar` a fact is, by its (start, end) as stored; worked out once each."""

    def __init__(self, calendar: Calendar):
        self.calendar = calendar

    def __missing__(self, dates: tuple[date | str | None, date | str]) -> Period | None:
        start, end = dates
        period = self.calendar.label(None if start is None else day_of(start), day_of(end))
        self[dates] = period
        return period


def fiscal_year_of(year_end: date) -> int:
    """The name of the fiscal year that ends on `year_end`."""
    return (year_end - timedelta(days=7)).year


def _shifted(day: date, years: int) -> date:
    return _dated(day.year + years, day.month, day.day)


def _dated(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _month_day(text: str) -> tuple[int, int]:
    if len(text) == 4 and text.isdigit() and 1 <= int(text[:2]) <= 12 and 1 <= int(text[2:]) <= 31:
        return int(text[:2]), int(text[2:])
    return 12, 31
