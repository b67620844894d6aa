"""How people write companies, metrics and periods: the words that fill a phrasing's slots."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from ledgerline.filings.periods import Period, Span

_LEGAL_FORM = re.compile(
    r"[,]?\s+(inc|corp|corporation|co|company|ltd|limited|plc|llc|lp|l\.p|n\.v|s\.a|ag|se|"
    r"incorporated|group|holdings?)\.?$",
    re.IGNORECASE,
)
_ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth"}
_UNNATURAL = frozenset({"DNA expense", "RND", "R and D", "SGA", "revenues net"})
_SINGULAR_ENDINGS = ("ss", "us", "is", "eps")


def short_name(name: str) -> str:
    """The name without its legal form: "Apple Inc." → "Apple"; at least one word stays."""
    while True:
        shorter = _LEGAL_FORM.sub("", name).rstrip(" ,")
        if shorter == name or len(shorter) < 3:
            return name
        name = shorter


def company_words(name: str, ticker: str, rng: random.Random) -> str:
    """The short name mostly, sometimes the full name, sometimes the ticker."""
    draw = rng.random()
    if draw < 0.08 and len(ticker) > 1:
        return ticker
    return name if draw < 0.30 else short_name(name)


def possessive(words: str) -> str:
    """ "Apple" → "Apple's", "Harris" → "Harris'"."""
    return f"{words}'" if words.endswith(("s", "S")) else f"{words}'s"


def metric_words(names: Sequence[str], rng: random.Random) -> str:
    """One of `names`, in running text: the first, which is the display name, in half the cases."""
    name = names[0] if rng.random() < 0.5 else rng.choice(_neutral(names))
    # "Net sales" is written small in a sentence, "EBITDA", "R&D" and "YoY growth" are not.
    abbreviated = any(letter.isupper() for letter in name.split()[0][1:])
    return name if abbreviated else name[0].lower() + name[1:]


def _neutral(names: Sequence[str]) -> list[str]:
    """Names that people write, and that say nothing of the sign: "net loss" can't stand before
    a profit, and some aliases are there for misspellings only."""
    return [
        name
        for name in names
        if " used in " not in name
        and ("loss" not in name or "(loss)" in name)
        and name not in _UNNATURAL
    ] or list(names)


def is_plural(metric: str) -> bool:
    """Whether a metric's words take "were": "net sales" does, "net loss" does not."""
    last = metric.lower().split()[-1] if metric.split() else metric
    head = metric.lower().split(" of ")[0].split(" per ")[0].split(" from ")[0].split(" for ")[0]
    return head.endswith("s") and not last.endswith(_SINGULAR_ENDINGS) and " to " not in head


def capitalised(words: str) -> str:
    """`words` with a capital first letter, for the start of a sentence."""
    return words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class PeriodStyle:
    """One way to write periods. `write(period, end)` is the text for a period ending `end`.

    `compact`: it needs no article and fits before a noun ("FY23 revenue").
    """

    name: str
    write: Callable[[Period, date], str]
    compact: bool = False


def long_date(day: date) -> str:
    """ "September 30, 2023"."""
    return f"{day:%B} {day.day}, {day.year}"


def _year(style: str, compact: bool = False) -> PeriodStyle:
    def write(period: Period, end: date) -> str:
        year = period.fiscal_year
        return style.format(y=year, yy=f"{year % 100:02d}", end=long_date(end))

    return PeriodStyle(style, write, compact)


def _quarter(style: str, compact: bool = False) -> PeriodStyle:
    def write(period: Period, end: date) -> str:
        number = period.span.value[1]
        return style.format(
            n=number,
            nth=_ORDINALS[number],
            y=period.fiscal_year,
            yy=f"{period.fiscal_year % 100:02d}",
            end=long_date(end),
        )

    return PeriodStyle(style, write, compact)


YEAR_STYLES = (
    _year("fiscal {y}", compact=True),
    _year("fiscal year {y}", compact=True),
    _year("FY{y}", compact=True),
    _year("FY{yy}", compact=True),
    _year("FY {y}", compact=True),
    _year("the {y} fiscal year"),
    _year("the year ended {end}"),
    _year("the fiscal year ended {end}"),
)
QUARTER_STYLES = (
    _quarter("Q{n} {y}", compact=True),
    _quarter("Q{n} FY{yy}", compact=True),
    _quarter("{n}Q{yy}", compact=True),
    _quarter("fiscal Q{n} {y}", compact=True),
    _quarter("the {nth} quarter of fiscal {y}"),
    _quarter("the {nth} quarter of {y}"),
    _quarter("the {nth} fiscal quarter of {y}"),
    _quarter("the quarter ended {end}"),
    _quarter("the three months ended {end}"),
)
HALF_STYLES = (
    PeriodStyle("half", lambda period, _: f"the first half of fiscal {period.fiscal_year}"),
    PeriodStyle("six months", lambda _, end: f"the six months ended {long_date(end)}"),
    PeriodStyle("H1", lambda period, _: f"H1 {period.fiscal_year}", compact=True),
)
NINE_MONTH_STYLES = (
    PeriodStyle("nine", lambda period, _: f"the first nine months of fiscal {period.fiscal_year}"),
    PeriodStyle("nine months", lambda _, end: f"the nine months ended {long_date(end)}"),
    PeriodStyle("9M", lambda period, _: f"9M {period.fiscal_year}", compact=True),
)
YEAR_END_STYLES = (
    PeriodStyle("date", lambda _, end: long_date(end)),
    PeriodStyle("end of fiscal", lambda period, _: f"the end of fiscal {period.fiscal_year}"),
    PeriodStyle("year-end", lambda period, _: f"year-end {period.fiscal_year}"),
    PeriodStyle("fiscal year-end", lambda period, _: f"fiscal year-end {period.fiscal_year}"),
)
QUARTER_END_STYLES = (
    PeriodStyle("date", lambda _, end: long_date(end)),
    _quarter("the end of the {nth} quarter of fiscal {y}"),
    _quarter("the end of Q{n} {y}"),
)

STYLES_OF_FLOWS = {Span.FY: YEAR_STYLES, Span.H1: HALF_STYLES, Span.M9: NINE_MONTH_STYLES}
STYLES_OF_BALANCES = {Span.FY: YEAR_END_STYLES}


def period_style(span: Span, flow: bool, compact: bool, rng: random.Random) -> PeriodStyle:
    """A style for periods of `span`: of a flow, or of a balance at its end."""
    if flow:
        styles = STYLES_OF_FLOWS.get(span, QUARTER_STYLES)
        return rng.choice([style for style in styles if style.compact or not compact])
    return rng.choice(STYLES_OF_BALANCES.get(span, QUARTER_END_STYLES))
