"""Companies' figures by metric and period, read from a store as they are asked for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from contextlib import closing
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import text

from ledgerline.filings.calendars import Calendar, Labels, day_of
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.derived import computed, with_quarters
from ledgerline.filings.formulas import parse
from ledgerline.filings.periods import Period
from ledgerline.filings.series import Figure, Filer, Filing, Row, Series, reported
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
    "fact.corrected FROM filing JOIN fact ON fact.filing_id = filing.id WHERE filing.cik = ?"
)
_FACTS_OF = f"{_FACTS} AND fact.concept_id IN (?)"
# The plus keeps the index from being entered once for each of some hundred concepts.
_FACTS_OF_MANY = f"{_FACTS} AND +fact.concept_id IN (?)"


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
        self._known_concepts = sorted(set(chain.from_iterable(self._concept_ids.values())))
        self._opened: tuple[int, dict[int, list[Row]]] | None = None
        self._labelled: WeakValueDictionary[tuple[date, ...], Labels] = WeakValueDictionary()
        self._series = lru_cache(_SERIES_KEPT)(self._load)
        self._filers = lru_cache(_FILERS_KEPT)(self._find_filer)
        self._possible = lru_cache(_FILERS_KEPT)(self._find_possible)

    def open(self, cik: int) -> None:
        """Read all that a company reported, for who will ask for several of its metrics.

        What is found is the same; only fewer questions go to the store. The rows are kept until
        another company is opened.
        """
        if self._opened is None or self._opened[0] != cik:
            rows: dict[int, list[Row]] = defaultdict(list)
            for row in self._ask(_FACTS_OF_MANY, cik, self._known_concepts):
                rows[row[0]].append(row)
            self._opened = cik, rows

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
        return self._filers(cik).labels.calendar

    def _find_possible(self, cik: int) -> tuple[str, ...]:
        if self._opened is not None and self._opened[0] == cik:
            concepts = set(self._opened[1])
        else:
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

    def _find_filer(self, cik: int) -> Filer:
        filings = {
            number: Filing(accession, form, day_of(filed))
            for number, accession, form, filed in self._ask(_FILINGS, cik)
        }
        annual = {number for number, filing in filings.items() if filing.form.startswith(_ANNUAL)}
        concepts = [number for name in _CALENDAR_METRICS for number in self._concept_ids[name]]
        durations = [
            (day_of(start), day_of(end), filings[number].form)
            for number, start, end in self._durations(cik, annual, concepts)
        ]
        company = self.companies[cik]
        calendar = Calendar.derive(durations, company.fiscal_year_end)
        # Many companies' years end on the same days, and facts of the same dates are alike.
        labels = self._labelled.setdefault(calendar.year_ends, Labels(calendar))
        return Filer(cik, company.name, filings, self._concepts, labels)

    def _durations(
        self, cik: int, filings: Set[int], concepts: Sequence[int]
    ) -> Iterable[tuple[int, Any, Any]]:
        """(filing, start, end) of the facts of some concepts in some of a company's filings."""
        if self._opened is None or self._opened[0] != cik:
            return self._ask(_DURATIONS, sorted(filings), concepts)
        return (
            (filing, start, end)
            for concept in dict.fromkeys(concepts)
            for _, _, start, end, _, filing, _ in self._opened[1].get(concept, ())
            if start is not None and filing in filings
        )

    def _load(self, cik: int, name: str) -> Series:
        metric = self.catalogue.get(name)
        found = Series((), lambda _: None)
        concepts = self._concept_ids[name]
        rows = self._rows(cik, concepts) if concepts else ()
        if rows:
            found = reported(rows, metric, self._filers(cik))
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

    def _rows(self, cik: int, concepts: Sequence[int]) -> Sequence[Row]:
        if self._opened is None or self._opened[0] != cik:
            return self._ask(_FACTS_OF, cik, concepts)
        rows = self._opened[1]
        return [row for concept in concepts for row in rows.get(concept, ())]

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
