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
    """The short name mostly, at times the full name, the ticker, or either name in capitals."""
    draw = rng.random()
    if draw < 0.08 and len(ticker) > 1:
        return ticker
    written = name if draw < 0.30 else short_name(name)
    return written.upper() if rng.random() < 0.05 else written


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


_PARTS = {
    "end": "{end:%B} {end.day}, {end.year}",
    "short_end": "{end:%b} {end.day}, {end.year}",
    "day_first": "{end.day} {end:%B} {end.year}",
    "iso_end": "{end:%Y-%m-%d}",
    "month": "{end:%B}",
    "end_year": "{end.year}",
    "yy": "{y[2]}{y[3]}",
}
"""What a style can write of a period beside its year `y` and a quarter's number `n` and `nth`."""


def _style(style: str, compact: bool = False) -> PeriodStyle:
    # Most styles need no month's name, which costs more than all the rest.
    template = re.sub(r"\{(\w+)\}", lambda part: _PARTS.get(part[1], part[0]), style)

    def write(period: Period, end: date) -> str:
        number = period.span.value[1]
        return template.format(
            y=str(period.fiscal_year), end=end, n=number, nth=_ORDINALS.get(number)
        )

    return PeriodStyle(style, write, compact)


YEAR_STYLES = (
    *(_style(style, compact=True) for style in ("fiscal {y}", "FY{y}", "FY{yy}", "{y}") * 2),
    _style("fiscal year {y}", compact=True),
    _style("FY {y}", compact=True),
    _style("FY'{yy}", compact=True),
    _style("full-year {y}", compact=True),
    _style("financial year {y}", compact=True),
    _style("the {y} fiscal year"),
    _style("the {y} financial year"),
    _style("the full year {y}"),
    _style("the whole of fiscal {y}"),
    _style("the year ended {end}"),
    _style("the year ended {short_end}"),
    _style("the year ended {day_first}"),
    _style("the year to {day_first}"),
    _style("the fiscal year ended {end}"),
    _style("the full year ended {end}"),
    _style("the twelve months ended {end}"),
    _style("the 12 months to {end}"),
)
QUARTER_STYLES = (
    *(_style(style, compact=True) for style in ("Q{n} {y}", "Q{n} FY{yy}", "{n}Q{yy}") * 2),
    _style("fiscal Q{n} {y}", compact=True),
    _style("Q{n}'{yy}", compact=True),
    _style("{n}Q {y}", compact=True),
    _style("FY{yy} Q{n}", compact=True),
    _style("{nth}-quarter {y}", compact=True),
    _style("{nth}-quarter fiscal {y}", compact=True),
    _style("fiscal {y}'s {nth} quarter"),
    _style("the {nth} quarter of fiscal {y}"),
    _style("the {nth} quarter of fiscal year {y}"),
    _style("the {nth} quarter of {y}"),
    _style("the {nth} quarter of FY{yy}"),
    _style("the {nth} fiscal quarter of {y}"),
    _style("the fiscal {nth} quarter of {y}"),
    _style("the quarter ended {end}"),
    _style("the quarter ended {short_end}"),
    _style("the quarter to {day_first}"),
    _style("the three months ended {end}"),
    _style("the three months ended {day_first}"),
    _style("the three months to {end}"),
    _style("the three-month period ended {end}"),
    _style("the {month} {end_year} quarter"),
)
HALF_STYLES = (
    _style("the first half of fiscal {y}"),
    _style("the first half of {y}"),
    _style("the first six months of fiscal {y}"),
    _style("the six months ended {end}"),
    _style("the six months to {day_first}"),
    _style("the half-year ended {end}"),
    _style("H1 {y}", compact=True),
    _style("1H{yy}", compact=True),
    _style("H1 FY{yy}", compact=True),
    _style("first-half {y}", compact=True),
)
NINE_MONTH_STYLES = (
    _style("the first nine months of fiscal {y}"),
    _style("the first nine months of {y}"),
    _style("the nine months ended {end}"),
    _style("the nine months to {day_first}"),
    _style("the nine-month period ended {end}"),
    _style("the first three quarters of {y}"),
    _style("9M {y}", compact=True),
    _style("9M FY{yy}", compact=True),
)
DATE_STYLES = (
    *(_style("{end}"),) * 3,
    _style("{short_end}"),
    _style("{day_first}"),
    _style("{iso_end}"),
)
YEAR_END_STYLES = (
    *DATE_STYLES,
    _style("the end of fiscal {y}"),
    _style("the end of FY{yy}"),
    _style("the close of fiscal {y}"),
    _style("year-end {y}"),
    _style("fiscal year-end {y}"),
    _style("fiscal {y} year-end"),
    _style("the {y} year-end"),
)
QUARTER_END_STYLES = (
    *DATE_STYLES,
    _style("the end of the {nth} quarter of fiscal {y}"),
    _style("the end of the {nth} quarter of {y}"),
    _style("the close of the {nth} quarter of fiscal {y}"),
    _style("the end of Q{n} {y}"),
    _style("the end of {n}Q{yy}"),
    _style("the close of Q{n} FY{yy}"),
)

STYLES_OF_FLOWS = {Span.FY: YEAR_STYLES, Span.H1: HALF_STYLES, Span.M9: NINE_MONTH_STYLES}
STYLES_OF_BALANCES = {Span.FY: YEAR_END_STYLES}


def period_style(span: Span, flow: bool, compact: bool, rng: random.Random) -> PeriodStyle:
    """A style for periods of `span`: of a flow, or of a balance at its end."""
    if flow:
        styles = STYLES_OF_FLOWS.get(span, QUARTER_STYLES)
        return rng.choice([style for style in styles if style.compact or not compact])
    return rng.choice(STYLES_OF_BALANCES.get(span, QUARTER_END_STYLES))
