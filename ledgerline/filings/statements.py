"""Companies' figures by metric and period, read from a store as they are asked for."""

from datetime import date
from functools import lru_cache

from sqlalchemy import text

from ledgerline.filings.calendars import Calendar
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.derived import computed, with_quarters
from ledgerline.filings.formulas import parse
from ledgerline.filings.periods import Period
from ledgerline.filings.series import Figure, Row, Series, Versions, reported
from ledgerline.filings.store import Store

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


class Statements:
    """What each company reported of each of the catalogue's metrics; what was asked is kept."""

    def __init__(self, store: Store, catalogue: Catalogue):
        self._store = store
        self.catalogue = catalogue
        self.companies = {company.cik: company for company in store.companies()}
        with store.engine.connect() as connection:
            found = connection.execute(text("SELECT id, taxonomy, tag FROM concept")).all()
        self._concepts = {f"{row.taxonomy}:{row.tag}": int(row.id) for row in found}
        self._concept_names = {int(row.id): (row.taxonomy, row.tag) for row in found}
        self._calendars: dict[int, Calendar] = {}
        self._series: dict[tuple[int, str], Series] = {}
        self._possible: dict[int, tuple[str, ...]] = {}

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
        return [name for name in self.possible_metrics(cik) if self.versions(cik, name)]

    def possible_metrics(self, cik: int) -> tuple[str, ...]:
        """Names of the metrics whose tags, or whose formula's metrics, the company reports."""
        names = self._possible.get(cik)
        if names is None:
            names = self._possible[cik] = self._find_possible(cik)
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
            company = self.companies[cik]
            calendar = Calendar.derive(durations, company.fiscal_year_end)
            self._calendars[cik] = calendar
        return calendar

    def _load(self, cik: int, metric: Metric) -> Series:
        found: dict[Period, Versions] = {}
        if metric.tags:
            company = self.companies[cik].name
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


@lru_cache(maxsize=100_000)
def _parsed(day: str) -> date:
    return date.fromisoformat(day)


def _date(day: date | str) -> date:
    return _parsed(day) if isinstance(day, str) else day
