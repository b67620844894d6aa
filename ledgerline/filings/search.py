"""Search: the figure that a company, a metric and a period in people's words name."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import islice
from typing import Literal

from rapidfuzz import fuzz, process
from sqlalchemy import text

from ledgerline.filings.calendars import Calendar
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.directory import Directory
from ledgerline.filings.facts import Company
from ledgerline.filings.formulas import parse
from ledgerline.filings.period_words import Ending, Named, Reading, Relative, read_period
from ledgerline.filings.periods import Period, Span, end_of_month
from ledgerline.filings.series import (
    Figure,
    Row,
    Series,
    Versions,
    balance_period,
    computed,
    reported,
    with_quarters,
)
from ledgerline.filings.store import Store

__all__ = ["Figure", "Hit", "Miss", "Search"]

Argument = Literal["company", "metric", "period"]
_REMEMBERED = 200_000
"""Calls, and misspelt names, kept answered; a rollout's nonsense must not fill the memory."""
_SERIES_KEPT = 10_000
"""Series kept in memory, some 30 kB each."""
_CALENDAR_METRICS = (
    "revenue",
    "net_income",
    "operating_cash_flow",
    "eps_diluted",
    "pretax_income",
    "income_tax_expense",
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A figure was found."""

    figure: Figure


@dataclass(frozen=True, slots=True)
class Miss:
    """No figure: which argument failed, why, and the nearest known names for it."""

    argument: Argument
    message: str
    near: tuple[str, ...]


class Search:
    """Answers `search(company, metric, period)` from a store; everything is cached.

    With `as_of`, only filings made by then are seen, and relative periods ("last year") count
    from it; without, the latest filings are, and relative periods count from the company's
    last one. Arguments are data: none of them reaches SQL.
    """

    def __init__(self, store: Store, catalogue: Catalogue | None = None):
        self._store = store
        self.catalogue = catalogue or Catalogue.load()
        self.directory = Directory(store.companies())
        with store.engine.connect() as connection:
            found = connection.execute(text("SELECT id, taxonomy, tag FROM concept")).all()
        self._concepts = {f"{row.taxonomy}:{row.tag}": int(row.id) for row in found}
        self._concept_names = {int(row.id): (row.taxonomy, row.tag) for row in found}
        self._calendars: dict[int, Calendar] = {}
        self._series: dict[tuple[int, str], Series] = {}
        self._possible_metrics: dict[int, tuple[str, ...]] = {}
        self._calls: dict[tuple[str, str, str, date | None], Hit | Miss] = {}

    def __call__(
        self, company: str, metric: str, period: str, as_of: date | None = None
    ) -> Hit | Miss:
        """The figure that the three arguments name, or the miss that says which of them failed."""
        call = (company, metric, period, as_of)
        answer = self._calls.get(call)
        if answer is None:
            answer = self._answer(*call)
            if len(self._calls) >= _REMEMBERED:
                self._calls.clear()
            self._calls[call] = answer
        return answer

    def series(self, cik: int, metric: str, as_of: date | None = None) -> dict[Period, Figure]:
        """Every period's figure of a catalogue metric, oldest first, as known on `as_of`."""
        seen = (
            (period, versions.at(as_of)) for period, versions in self.versions(cik, metric).items()
        )
        found = {period: figure for period, figure in seen if figure is not None}
        return dict(sorted(found.items(), key=lambda item: (item[1].end, item[0])))

    def as_filed(self, cik: int, metric: str) -> dict[Period, Figure]:
        """Every period's figure as it was first filed, oldest first."""
        found = {p: versions.as_filed for p, versions in self.versions(cik, metric).items()}
        return dict(sorted(found.items(), key=lambda item: (item[1].end, item[0])))

    def versions(self, cik: int, metric: str) -> Series:
        """Every period's figure in all the versions that were filed."""
        key = (cik, metric)
        series = self._series.pop(key, None)
        if series is None:
            series = self._load(cik, self.catalogue.get(metric))
            if len(self._series) >= _SERIES_KEPT:
                del self._series[next(iter(self._series))]
        # Put back at the end: the dictionary's order is that of the last use.
        self._series[key] = series
        return series

    def metrics_of(self, cik: int) -> list[str]:
        """Names of the catalogue's metrics of which the company has at least one figure."""
        return [name for name in self._possible(cik) if self.versions(cik, name)]

    def _possible(self, cik: int) -> tuple[str, ...]:
        """Names of the metrics whose tags, or whose formula's metrics, the company reports."""
        names = self._possible_metrics.get(cik)
        if names is None:
            names = self._possible_metrics[cik] = self._find_possible(cik)
        return names

    def _find_possible(self, cik: int) -> tuple[str, ...]:
        with self._store.engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT DISTINCT fact.concept_id FROM filing "
                    "JOIN fact ON fact.filing_id = filing.id WHERE filing.cik = :cik"
                ),
                {"cik": cik},
            ).scalars()
            tags = {":".join(self._concept_names[int(concept)]) for concept in found}
        possible = {m.name for m in self.catalogue.metrics if not tags.isdisjoint(m.tags)}
        grown = True
        while grown:
            more = {
                m.name
                for m in self.catalogue.metrics
                if m.formula and all(t.metric in possible for t in parse(m.formula).terms)
            }
            grown = not more <= possible
            possible |= more
        return tuple(m.name for m in self.catalogue.metrics if m.name in possible)

    def calendar(self, cik: int) -> Calendar:
        """The company's fiscal calendar."""
        calendar = self._calendars.get(cik)
        if calendar is None:
            tags = [tag for name in _CALENDAR_METRICS for tag in self.catalogue.get(name).tags]
            durations = [
                (row.start, row.end, row.form) for row in self._rows(cik, tuple(tags)) if row.start
            ]
            company = self.directory.companies[cik]
            calendar = Calendar.derive(durations, company.fiscal_year_end)
            self._calendars[cik] = calendar
        return calendar

    def _answer(self, company: str, metric: str, period: str, as_of: date | None) -> Hit | Miss:
        filer = self.directory.resolve(company)
        if not isinstance(filer, Company):
            what = "may be one of several companies" if filer else "is no known company"
            return Miss("company", f"{_quoted(company)} {what}.", filer)
        measure = self.catalogue.resolve(metric)
        if not isinstance(measure, Metric):
            return Miss("metric", f"{_quoted(metric)} is no known metric.", measure)
        try:
            reading = read_period(period)
        except ValueError:
            near = self._labels(filer.cik, measure, as_of, None)
            return Miss("period", f"{_quoted(period)} is no known period.", near)
        series = self.versions(filer.cik, measure.name)
        if not series:
            message = f"{filer.name} reports no {measure.display}."
            return Miss("metric", message, self._reported_like(filer.cik, measure))
        figure = self._pick(filer.cik, measure, series, reading, as_of)
        if figure is None:
            wanted = reading.period.label if isinstance(reading, Named) else _quoted(period)
            message = f"{filer.name} has no {measure.display} for {wanted}."
            return Miss("period", message, self._labels(filer.cik, measure, as_of, reading))
        return Hit(figure)

    def _pick(
        self, cik: int, metric: Metric, series: Series, reading: Reading, as_of: date | None
    ) -> Figure | None:
        if isinstance(reading, Ending):
            return _ending(metric, series, reading, as_of)
        period = (
            reading.period
            if isinstance(reading, Named)
            else self._relative(cik, series, reading, as_of)
        )
        if not metric.flow:
            period = balance_period(period)
        versions = series.get(period)
        return versions.at(as_of) if versions else None

    def _relative(self, cik: int, series: Series, reading: Relative, as_of: date | None) -> Period:
        day = as_of or max(versions.figures[-1].end for versions in series.values())
        last = self.calendar(cik).completed(day)
        if reading.unit == "year":
            year = last.fiscal_year - (0 if last.span is Span.Q4 else 1) - reading.back
            return Period(year, reading.span or Span.FY)
        period = last
        for _ in range(reading.back):
            period = period.preceding
        if reading.back < 0:
            following = {"Q1": Span.Q2, "Q2": Span.Q3, "Q3": Span.Q4}.get(period.span.value)
            year = period.fiscal_year + (0 if following else 1)
            period = Period(year, following or Span.Q1)
        return Period(period.fiscal_year - reading.years_back, period.span)

    def _load(self, cik: int, metric: Metric) -> Series:
        found: dict[Period, Versions] = {}
        if metric.tags:
            company = self.directory.companies[cik].name
            rows = self._rows(cik, metric.tags)
            found = reported(rows, metric, self.calendar(cik), cik, company) if rows else {}
            adds_up = metric.unit_kind == "money" or metric.name == "shares_repurchased"
            if metric.flow and adds_up:
                found = with_quarters(found)
        if metric.formula:
            formula = parse(metric.formula)
            inputs = {
                term.metric: (self.catalogue.get(term.metric).flow, self.versions(cik, term.metric))
                for term in formula.terms
            }
            found = {**computed(metric, formula, inputs), **found}
        return found

    def _rows(self, cik: int, tags: tuple[str, ...]) -> list[Row]:
        concepts = [self._concepts[tag] for tag in tags if tag in self._concepts]
        if not concepts:
            return []
        listed = ",".join(str(concept) for concept in concepts)
        query = text(
            'SELECT fact.concept_id, fact.unit, fact.start, fact."end", fact.value, '  # noqa: S608
            "filing.accession, filing.form, filing.filed, fact.corrected "
            "FROM filing JOIN fact ON fact.filing_id = filing.id "
            f"WHERE filing.cik = :cik AND fact.concept_id IN ({listed})"
        )
        with self._store.engine.connect() as connection:
            found = connection.execute(query, {"cik": cik}).all()
        return [
            Row(
                *self._concept_names[row[0]],
                row[1],
                None if row[2] is None else _date(row[2]),
                _date(row[3]),
                row[4],
                row[5],
                row[6],
                _date(row[7]),
                bool(row[8]),
            )
            for row in found
        ]

    def _labels(
        self, cik: int, metric: Metric, as_of: date | None, reading: Reading | None
    ) -> tuple[str, ...]:
        """Labels of the periods that can be had, nearest to the one asked for first."""
        figures = self.series(cik, metric.name, as_of)
        if isinstance(reading, Named):
            wanted = reading.period
            ranked = sorted(
                figures,
                key=lambda p: (
                    p.span is not wanted.span,
                    abs(p.fiscal_year - wanted.fiscal_year),
                    -p.fiscal_year,
                ),
            )
        else:
            ranked = sorted(figures, key=lambda p: figures[p].end, reverse=True)
        return tuple(period.label for period in ranked[:5])

    def _reported_like(self, cik: int, metric: Metric) -> tuple[str, ...]:
        """Names of reported metrics, likest to `metric` first."""
        displays = {name: self.catalogue.get(name).display for name in self._possible(cik)}
        ranked = process.extract(metric.display, displays, scorer=fuzz.WRatio, limit=None)
        reported = (display for display, _, name in ranked if self.versions(cik, name))
        return tuple(islice(reported, 5))


def _ending(metric: Metric, series: Series, reading: Ending, as_of: date | None) -> Figure | None:
    """The figure whose period ends on (about) the date that was written."""
    try:
        day = (
            date(reading.year, reading.month, reading.day)
            if reading.day
            else end_of_month(reading.year, reading.month)
        )
    except ValueError:
        return None
    lengths = {
        3: (Span.Q1, Span.Q2, Span.Q3, Span.Q4),
        6: (Span.H1,),
        9: (Span.M9,),
        12: (Span.FY,),
    }
    # A bare date means the year for a flow if one ends there, and else the quarter.
    spans = (Span.FY, *lengths[3]) if reading.months is None else lengths.get(reading.months, ())
    if not metric.flow:
        spans = (Span.FY, *lengths[3])
    within = timedelta(days=7)
    near = [
        (abs(figure.end - day), spans.index(period.span), figure)
        for period, versions in series.items()
        if period.span in spans
        and (figure := versions.at(as_of)) is not None
        and abs(figure.end - day) <= within
    ]
    if not near:
        return None
    return min(near, key=lambda item: (item[1] if metric.flow else 0, item[0], item[1]))[2]


@lru_cache(maxsize=100_000)
def _parsed(day: str) -> date:
    return date.fromisoformat(day)


def _date(day: date | str) -> date:
    return _parsed(day) if isinstance(day, str) else day


def _quoted(argument: str) -> str:
    shown = "".join(c if c.isprintable() else "·" for c in argument[:60])
    return f'"{shown}"' + ("…" if len(argument) > 60 else "")
