"""The ways in which people name a period."""

from datetime import date
from itertools import product

from ledgerline.filings.periods import Period, Span

NTH = {Span.Q1: "first", Span.Q2: "second", Span.Q3: "third", Span.Q4: "fourth"}
ORDINAL = {Span.Q1: "1st", Span.Q2: "2nd", Span.Q3: "3rd", Span.Q4: "4th"}
YEARS = (
    "{year}", "FY{year}", "FY {year}", "FY{short:02}", "FY'{short:02}", "fiscal {year}",
    "fiscal year {year}", "fiscal '{short:02}", "F{year}", "the {year} fiscal year",
)  # fmt: skip
PARTS = {
    **{
        span: (
            span.value, f"F{span}", f"{span[1]}Q", f"F{span[1]}Q", f"fiscal {span}",
            f"{nth} quarter", f"{nth} fiscal quarter", f"fiscal {nth} quarter", f"{nth}-quarter",
            f"quarter {span[1]}", f"{ORDINAL[span]} quarter", f"{ORDINAL[span]} qtr.",
        )
        for span, nth in NTH.items()
    },
    Span.H1: ("H1", "1H", "first half", "fiscal first half", "first six months", "6M"),
    Span.M9: ("9M", "first nine months", "fiscal first nine months", "first three quarters"),
}  # fmt: skip


def combined(period: Period) -> list[str]:
    """A part of a year and its year: "Q3 of fiscal 2021", "FY21 Q3", "2021's first half"."""
    years = [year.format(year=period.fiscal_year, short=period.fiscal_year % 100) for year in YEARS]
    after = [
        f"{part}{link}{year}"
        for part, link, year in product(PARTS[period.span], (" ", " of ", ", ", " in "), years)
    ]
    before = [
        f"{year}{link}{part}"
        for part, link, year in product(PARTS[period.span], (" ", ", ", "'s "), years)
    ]
    return after + before


def worded(period: Period, end: date, flow: bool) -> list[str]:
    """Every wording that must lead to the figure of `period`, which ends on `end`."""
    year, short = period.fiscal_year, period.fiscal_year % 100
    day = f"{end:%B} {end.day}, {end.year}"
    if period.span is Span.FY:
        ended = f"the year ended {day}" if flow else f"as of {day}"
        return [f"FY{year}", f"FY{short:02}", f"fiscal {year}", f"{year}", ended]
    lengths = {Span.H1: "the six months ended", Span.M9: "the nine months ended"}
    words = lengths.get(period.span, "the three months ended") if flow else "at"
    return [*combined(period), f"{words} {day}"]
