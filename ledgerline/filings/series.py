"""A company's figures of one metric, by period, in every version that was filed."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from ledgerline.filings.calendars import Calendar
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.figures import render
from ledgerline.filings.formulas import Formula, Term
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.splits import split_ratio

RATIO_PLACES = Decimal("0.000001")
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


_YEAR_TO_DATE = {
    Span.Q2: (Span.H1, (Span.Q1,)),
    Span.Q3: (Span.M9, (Span.H1,)),
    Span.Q4: (Span.FY, (Span.M9,)),
}
_SUMS = {Span.H1: (Span.Q1, Span.Q2), Span.M9: (Span.H1, Span.Q3)}


def with_quarters(series: dict[Period, Versions]) -> dict[Period, Versions]:
    """Add the quarters that only year-to-date values tell, Q4 among them, and the sums.

    Only amounts add up; call it for flows of money and share counts bought, not for averages
    or per-share figures.
    """
    complete = dict(series)
    years = {period.fiscal_year for period in series}
    for year in sorted(years):
        # Two rounds, since nine months may first have to be summed from quarters.
        for _ in range(2):
            for span, parts in _SUMS.items():
                _fill(complete, year, span, [(1, part) for part in parts])
            for span, (whole, others) in _YEAR_TO_DATE.items():
                _fill(complete, year, span, [(1, whole), *((-1, other) for other in others)])
    return complete


def _fill(
    series: dict[Period, Versions], year: int, span: Span, parts: list[tuple[int, Span]]
) -> None:
    target = Period(year, span)
    if target in series:
        return
    found = [(sign, series.get(Period(year, part))) for sign, part in parts]
    known = [(sign, versions) for sign, versions in found if versions is not None]
    if len(known) < len(parts):
        return
    how = " ".join(
        f"{'−' if sign < 0 else '+'} {Period(year, part).label}" for sign, part in parts
    ).removeprefix("+ ")
    dates = sorted({figure.filed for _, versions in known for figure in versions.figures})
    figures: list[Figure] = []
    used = date.min
    for day in dates:
        current = [(sign, versions.at(day)) for sign, versions in known]
        present = [(sign, figure) for sign, figure in current if figure is not None]
        # A restated year less nine months as first filed would put the whole restatement into
        # the fourth quarter, so a new version needs every part filed anew.
        if len(present) < len(parts) or any(figure.filed <= used for _, figure in present):
            continue
        used = day
        value = sum((sign * figure.value for sign, figure in present), Decimal(0))
        template = present[0][1]
        latest = max((figure for _, figure in present), key=lambda figure: figure.filed)
        start, end = _bounds(target.span, [figure for _, figure in present])
        _append(figures, template, latest, target, start, end, value, how)
    if figures:
        series[target] = Versions(tuple(figures))


def _bounds(span: Span, parts: list[Figure]) -> tuple[date | None, date]:
    if span in _SUMS:
        return parts[0].start, parts[-1].end
    return date.fromordinal(parts[1].end.toordinal() + 1), parts[0].end


def _append(
    figures: list[Figure],
    template: Figure,
    latest: Figure,
    period: Period,
    start: date | None,
    end: date,
    value: Decimal,
    how: str,
    **changed: Any,
) -> None:
    """Add a derived version unless it says what the version before it said."""
    if figures and figures[-1].value == value:
        return
    unit = changed.get("unit", template.unit)
    figures.append(
        Figure(
            cik=template.cik,
            company=template.company,
            metric=changed.get("metric", template.metric),
            metric_display=changed.get("metric_display", template.metric_display),
            period=period,
            start=start,
            end=end,
            value=value,
            unit=unit,
            text=render(value, unit),
            accession=latest.accession,
            form=latest.form,
            filed=latest.filed,
            derived=how,
            restated=bool(figures) and value != figures[0].value,
            corrected=changed.get("corrected", template.corrected),
        )
    )


def computed(
    metric: Metric, formula: Formula, inputs: Mapping[str, tuple[bool, Series]]
) -> dict[Period, Versions]:
    """Figures of a derived metric.

    `inputs` gives for each metric that the formula names whether it is a flow, and its series.
    A period is computed where every term is known; balances beside flows are those at the
    period's end.
    """
    periods: set[Period] = set()
    for flow, series in inputs.values():
        if flow or not metric.flow:
            periods |= series.keys()
    result: dict[Period, Versions] = {}
    for period in periods:
        terms: dict[Term, Versions] = {}
        for term in formula.terms:
            flow, series = inputs[term.metric]
            at = period.prior if term.prior else period
            versions = series.get(at if flow else balance_period(at))
            if versions is None:
                break
            terms[term] = versions
        else:
            figures = _evaluate(metric, formula, period, terms)
            if figures:
                result[period] = Versions(tuple(figures))
    return result


def _evaluate(
    metric: Metric, formula: Formula, period: Period, terms: Mapping[Term, Versions]
) -> list[Figure]:
    figures: list[Figure] = []
    dates = sorted({figure.filed for versions in terms.values() for figure in versions.figures})
    for day in dates:
        current = {term: versions.at(day) for term, versions in terms.items()}
        present = {term: figure for term, figure in current.items() if figure is not None}
        if len(present) < len(terms):
            continue
        units = {figure.unit for figure in present.values()}
        value = formula.value({term: figure.value for term, figure in present.items()})
        if value is None or (metric.unit_kind == "money" and len(units) > 1):
            continue
        template = next(figure for term, figure in present.items() if not term.prior)
        latest = max(present.values(), key=lambda figure: figure.filed)
        unit = {"ratio": "pure", "multiple": "x"}.get(metric.unit_kind, template.unit)
        if unit in ("pure", "x"):
            value = value.quantize(RATIO_PLACES)
        _append(
            figures,
            template,
            latest,
            period,
            template.start,
            template.end,
            value,
            formula.text,
            metric=metric.name,
            metric_display=metric.display,
            unit=unit,
            corrected=any(figure.corrected for figure in present.values()),
        )
    return figures
