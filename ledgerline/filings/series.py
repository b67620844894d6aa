"""A company's figures of one metric, by period, in every version that was filed."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

from ledgerline.filings.calendars import Calendar
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.figures import render
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.splits import split_ratio

_ROUNDING = Decimal("0.001")
"""Up to this share of a value, fewer digits are rounding and not a restatement."""
_UNIT_PATTERNS = {
    "money": re.compile(r"[A-Z]{3}"),
    "per_share": re.compile(r"[A-Z]{3}/shares"),
    "shares": re.compile(r"shares"),
    "ratio": re.compile(r"pure"),
    "multiple": re.compile(r"pure"),
}
_BALANCE_SPAN = {Span.Q4: Span.FY, Span.H1: Span.Q2, Span.M9: Span.Q3}


class Row(NamedTuple):
    """A fact as the store gives it to search."""

    taxonomy: str
    tag: str
    unit: str
    start: date | None
    end: date
    value: str
    accession: str
    form: str
    filed: date
    corrected: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and where it comes from.

    `value` is exact in whole `unit`s; `text` is it as people write it. `accession`, `form`
    and `filed` are of the filing that reported it (of the latest one needed, when derived).
    `derived` says how it was computed, None when it was reported. `restated` tells that an
    earlier filing gave another value, `corrected` that a reviewer mended the reported value.
    """

    cik: int
    company: str
    metric: str
    metric_display: str
    period: Period
    start: date | None
    end: date
    value: Decimal
    unit: str
    text: str
    accession: str
    form: str
    filed: date
    derived: str | None
    restated: bool
    corrected: bool


@dataclass(frozen=True, slots=True)
class Versions:
    """All versions of one period's figure, oldest filing first."""

    figures: tuple[Figure, ...]

    def at(self, day: date | None) -> Figure | None:
        """The figure as known on `day` (None: the latest); None when none was filed by then."""
        if day is None:
            return self.figures[-1]
        position = bisect_right(self.figures, day, key=lambda figure: figure.filed)
        return self.figures[position - 1] if position else None

    @property
    def split(self) -> Fraction | None:
        """New shares per old one where a stock split is why the figure was restated."""
        first, last = self.figures[0], self.figures[-1]
        return split_ratio(first.value, last.value, last.unit)

    @property
    def as_filed(self) -> Figure:
        """The figure as it was first filed."""
        return self.figures[0]


Series = Mapping[Period, Versions]


def balance_period(period: Period) -> Period:
    """Where a balance "at" `period` stands: Q4 is the year's end, nine months the third quarter."""
    return Period(period.fiscal_year, _BALANCE_SPAN.get(period.span, period.span))


def reported(
    rows: Iterable[Row], metric: Metric, calendar: Calendar, cik: int, company: str
) -> dict[Period, Versions]:
    """The reported figures of `metric` among `rows`, each period with all its versions.

    Of several currencies the one most used stands. See catalogue.py for the rule by which one
    of several tags speaks.
    """
    pattern = _UNIT_PATTERNS[metric.unit_kind]
    fitting = [
        row
        for row in rows
        if pattern.fullmatch(row.unit) and (row.start is not None) == metric.flow
    ]
    if not fitting:
        return {}
    unit = Counter(row.unit for row in fitting).most_common(1)[0][0]
    rank = {tag: position for position, tag in enumerate(metric.tags)}
    grouped: dict[Period, list[tuple[date, str, int, Row]]] = defaultdict(list)
    for row in fitting:
        if row.unit != unit:
            continue
        period = _cover_period(row, calendar) if row.taxonomy == "dei" else None
        period = period or calendar.label(row.start, row.end)
        if period is not None:
            place = rank[f"{row.taxonomy}:{row.tag}"]
            grouped[period].append((row.filed, row.accession, place, row))
    shown_unit = "x" if metric.unit_kind == "multiple" else unit
    return {
        period: _versions(found, period, metric, shown_unit, cik, company)
        for period, found in grouped.items()
    }


def _cover_period(row: Row, calendar: Calendar) -> Period | None:
    """Cover-page data belong to the period that their filing reports, whatever their date."""
    if not row.form.startswith(("10-", "20-F", "40-F")):
        return None
    period = calendar.completed(row.filed)
    if not row.form.startswith("10-Q") or period.span is Span.Q4:
        return Period(period.fiscal_year, Span.FY)
    return period


def _versions(
    found: list[tuple[date, str, int, Row]],
    period: Period,
    metric: Metric,
    unit: str,
    cik: int,
    company: str,
) -> Versions:
    # In one filing the most preferred tag speaks; over time a less preferred never follows.
    found.sort(key=lambda item: (item[0], item[1], item[2], item[3].end))
    figures: list[Figure] = []
    best = len(metric.tags)
    for filed, accession, place, row in found:
        if place > best or (figures and figures[-1].accession == accession and place >= best):
            continue
        best = place
        value = Decimal(row.value)
        if figures and _rounds(value, figures[-1].value):
            continue
        figures.append(
            Figure(
                cik=cik,
                company=company,
                metric=metric.name,
                metric_display=metric.display,
                period=period,
                start=row.start,
                end=row.end,
                value=value,
                unit=unit,
                text=render(value, unit),
                accession=accession,
                form=row.form,
                filed=filed,
                derived=None,
                restated=bool(figures) and value != figures[0].value,
                corrected=row.corrected,
            )
        )
    return Versions(tuple(figures))


def _rounds(later: Decimal, earlier: Decimal) -> bool:
    """Whether `later` only tells `earlier` in fewer digits (a filer that turned to millions)."""
    if later == earlier or not earlier or abs(later - earlier) > abs(earlier) * _ROUNDING:
        return False
    _, _, exponent = later.normalize().as_tuple()
    return earlier.quantize(Decimal(1).scaleb(int(exponent)), ROUND_HALF_UP) == later
