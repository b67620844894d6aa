"""Companies' figures by metric and period, read from a store as they are asked for."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import text

from ledgerline.filings.calendars import Calendar
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.derived import computed, with_quarters
from ledgerline.filings.formulas import parse
from ledgerline.filings.periods import Period
from ledgerline.filings.series import Figure, Filing, Row, Series, reported
from ledgerline.filings.store import Store

_SERIES_KEPT = 4_000
"""Series kept in memory, some 20 to 50 kB each."""
_FILERS_KEPT = 1_000
"""Companies whose filings and calendars are kept."""
_CALENDAR_METRICS = (
    "revenue",
    "net_income",
    "operating_cash_flow",
    "eps_diluted",
    "pretax_income",
    "income_tax_expense",
)
_ANNUAL = ("10-K", "20-F", "40-F")
"""How the forms begin whose years make a calendar."""
_FILINGS = "SELECT id, accession, form, filed FROM filing WHERE cik = ?"
_CONCEPTS = (
    "SELECT DISTINCT fact.concept_id FROM filing JOIN fact ON fact.filing_id = filing.id "
    "WHERE filing.cik = ?"
)
_DURATIONS = (
    'SELECT filing_id, start, "end" FROM fact '
    "WHERE filing_id IN (?) AND concept_id IN (?) AND start IS NOT NULL"
)
_FACTS = (
    'SELECT fact.concept_id, fact.unit, fact.start, fact."end", fact.value, fact.filing_id, '
    "fact.corrected FROM filing JOIN fact ON fact.filing_id = filing.id "
    "WHERE filing.cik = ? AND fact.concept_id IN (?)"
)


@dataclass(frozen=True, slots=True)
class _Filer:
    """A company's filings by their ids in the store, and its calendar."""

    filings: dict[int, Filing]
    calendar: Calendar


class Statements:
    """What each company reported of each of the catalogue's metrics; what was asked last is kept.

    However many companies are asked for, no more than some thousand series stay in memory.
    """

    def __init__(self, store: Store, catalogue: Catalogue):
        self._store = store
        self._mark = "?" if store.engine.dialect.paramstyle == "qmark" else "%s"
        self.catalogue = catalogue
        self.companies = {company.cik: company for company in store.companies()}
        with store.engine.connect() as connection:
            found = connection.execute(text("SELECT id, taxonomy, tag FROM concept")).all()
        self._concepts = {int(row.id): f"{row.taxonomy}:{row.tag}" for row in found}
        ids = {concept: number for number, concept in self._concepts.items()}
        self._concept_ids = {
            metric.name: tuple(ids[tag] for tag in metric.tags if tag in ids)
            for metric in catalogue.metrics
        }
        self._series = lru_cache(_SERIES_KEPT)(self._load)
        self._filers = lru_cache(_FILERS_KEPT)(self._find_filer)
        self._possible = lru_cache(_FILERS_KEPT)(self._find_possible)

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
        return self._series(cik, metric)

    def metrics_of(self, cik: int) -> list[str]:
        """Names of the catalogue's metrics of which the company has at least one figure."""
        return [name for name in self.possible_metrics(cik) if self.versions(cik, name)]

    def possible_metrics(self, cik: int) -> tuple[str, ...]:
        """Names of the metrics whose tags, or whose formula's metrics, the company reports."""
        return self._possible(cik)

    def calendar(self, cik: int) -> Calendar:
        """The company's fiscal calendar."""
        return self._filers(cik).calendar

    def _find_possible(self, cik: int) -> tuple[str, ...]:
        concepts = {row[0] for row in self._ask(_CONCEPTS, cik)}
        possible = {name for name, ids in self._concept_ids.items() if not concepts.isdisjoint(ids)}
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

    def _find_filer(self, cik: int) -> _Filer:
        filings = {
            number: Filing(accession, form, _date(filed))
            for number, accession, form, filed in self._ask(_FILINGS, cik)
        }
        annual = [number for number, filing in filings.items() if filing.form.startswith(_ANNUAL)]
        concepts = [number for name in _CALENDAR_METRICS for number in self._concept_ids[name]]
        durations = [
            (_date(start), _date(end), filings[number].form)
            for number, start, end in self._ask(_DURATIONS, annual, concepts)
        ]
        return _Filer(filings, Calendar.derive(durations, self.companies[cik].fiscal_year_end))

    def _load(self, cik: int, name: str) -> Series:
        metric = self.catalogue.get(name)
        company = self.companies[cik].name
        found = Series((), lambda _: None)
        rows = self._rows(cik, metric)
        if rows:
            found = reported(rows, metric, self.calendar(cik), cik, company)
        adds_up = metric.unit_kind == "money" or metric.name == "shares_repurchased"
        if metric.flow and adds_up:
            found = with_quarters(found)
        if not metric.formula:
            return found
        formula = parse(metric.formula)
        inputs = {
            term.metric: (self.catalogue.get(term.metric).flow, self.versions(cik, term.metric))
            for term in formula.terms
        }
        derived = computed(metric, formula, inputs)
        return Series(
            (*derived.candidates, *found.candidates),
            lambda period: found.find(period) or derived.find(period),
        )

    def _rows(self, cik: int, metric: Metric) -> list[Row]:
        concepts = self._concept_ids[metric.name]
        if not concepts:
            return []
        filings = self._filers(cik).filings
        return [
            Row(
                self._concepts[concept],
                _same(unit),
                None if start is None else _date(start),
                _date(end),
                value,
                filings[filing],
                bool(corrected),
            )
            for concept, unit, start, end, value, filing, corrected in self._ask(
                _FACTS, cik, concepts
            )
        ]

    def _ask(self, query: str, *arguments: int | Sequence[int]) -> Sequence[Any]:
        """The rows of a query, each of its question marks standing for a number or for several."""
        bound = [(given,) if isinstance(given, int) else tuple(given) for given in arguments]
        marks = (",".join([self._mark] * len(given)) or "NULL" for given in bound)
        # Straight to the driver: what SQLAlchemy does around a query costs more than the answer.
        with (
            closing(self._store.engine.raw_connection()) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(query.replace("?", "{}").format(*marks), tuple(chain(*bound)))
            return cursor.fetchall()


@lru_cache(maxsize=100_000)
def _parsed(day: str) -> date:
    return date.fromisoformat(day)


@lru_cache(maxsize=1_000)
def _same(unit: str) -> str:
    """One object for a unit, however often it is read."""
    return unit


def _date(day: date | str) -> date:
    return _parsed(day) if isinstance(day, str) else day
