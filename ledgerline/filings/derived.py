"""Figures that nobody reported but that reported ones tell: fourth quarters, sums, ratios."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ledgerline.filings.catalogue import Metric
from ledgerline.filings.formulas import Formula, Term
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.series import Figure, Series, Versions, balance_period

RATIO_PLACES = Decimal("0.000001")
_SUMS = {Span.H1: (Span.Q1, Span.Q2), Span.M9: (Span.H1, Span.Q3)}
_DIFFERENCES = {
    Span.Q2: (Span.H1, Span.Q1),
    Span.Q3: (Span.M9, Span.H1),
    Span.Q4: (Span.FY, Span.M9),
}


def with_quarters(series: Series) -> Series:
    """Add the quarters that only year-to-date values tell, Q4 among them, and the sums.

    Only amounts add up; call it for flows of money and share counts bought, not for averages
    or per-share figures.
    """

    def make(period: Period) -> Versions | None:
        return series.find(period) or _filled(period, series)

    years = {period.fiscal_year for period in series.candidates}
    made = (Period(year, span) for year in sorted(years) for span in (*_SUMS, *_DIFFERENCES))
    return Series((*series.candidates, *made), make)


def _known(period: Period, series: Series) -> Versions | None:
    # A difference needs sums, which may have to be added up first; a sum needs no difference.
    return series.find(period) or (_filled(period, series) if period.span in _SUMS else None)


def _filled(target: Period, series: Series) -> Versions | None:
    """A period's versions from those of the periods that make it up."""
    year, span = target.fiscal_year, target.span
    spans = _SUMS.get(span) or _DIFFERENCES.get(span)
    if spans is None:
        return None
    signs = (1, 1) if span in _SUMS else (1, -1)
    found = [_known(Period(year, part), series) for part in spans]
    terms = [(sign, part) for sign, part in zip(signs, found, strict=True) if part is not None]
    if len(terms) < len(found):
        return None
    how = " ".join(
        f"{'−' if sign < 0 else '+'} {Period(year, part).label}"
        for sign, part in zip(signs, spans, strict=True)
    ).removeprefix("+ ")
    dates = sorted({figure.filed for _, versions in terms for figure in versions.figures})
    figures: list[Figure] = []
    used = date.min
    for day in dates:
        current = [(sign, versions.at(day)) for sign, versions in terms]
        present = [(sign, figure) for sign, figure in current if figure is not None]
        # A restated year less nine months as first filed would put the whole restatement into
        # the fourth quarter, so a new version needs every part filed anew.
        if len(present) < len(terms) or any(figure.filed <= used for _, figure in present):
            continue
        used = day
        value = sum((sign * figure.value for sign, figure in present), Decimal(0))
        template = present[0][1]
        latest = max((figure for _, figure in present), key=lambda figure: figure.filed)
        start, end = _bounds(target.span, [figure for _, figure in present])
        _append(figures, template, latest, target, start, end, value, how)
    return Versions(tuple(figures)) if figures else None


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
            accession=latest.accession,
            form=latest.form,
            filed=latest.filed,
            derived=how,
            restated=bool(figures) and value != figures[0].value,
            corrected=changed.get("corrected", template.corrected),
        )
    )


def computed(metric: Metric, formula: Formula, inputs: Mapping[str, tuple[bool, Series]]) -> Series:
    """Figures of a derived metric.

    `inputs` gives for each metric that the formula names whether it is a flow, and its series.
    A period is computed where every term is known; balances beside flows are those at the
    period's end.
    """

    def make(period: Period) -> Versions | None:
        terms: dict[Term, Versions] = {}
        for term in formula.terms:
            flow, series = inputs[term.metric]
            at = period.prior if term.prior else period
            versions = series.find(at if flow else balance_period(at))
            if versions is None:
                return None
            terms[term] = versions
        figures = _evaluate(metric, formula, period, terms)
        return Versions(tuple(figures)) if figures else None

    shaping = [series for flow, series in inputs.values() if flow or not metric.flow]
    return Series((period for series in shaping for period in series.candidates), make)


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
        if value is None or len(units) > 1:
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
