"""Writing facts into the store's tables, fast."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.dialects import postgresql

from ledgerline.filings.duplicates import settle
from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.tables import COMPANY, CONCEPT, DUPLICATE, FACT, FILING

_BATCH = 20_000
_FACT = ("filing_id", "concept_id", "unit", "start", "end", "value", "approx")
_COMPANY = select(COMPANY).where(COMPANY.c.cik == bindparam("number"))
_NEW_COMPANY = insert(COMPANY)
_FILINGS = select(FILING.c.accession, FILING.c.id).where(FILING.c.cik == bindparam("number"))
_NEW_CONCEPTS = insert(CONCEPT).returning(CONCEPT.c.id, CONCEPT.c.taxonomy, CONCEPT.c.tag)
_NEW_FILING = insert(FILING)
_NEW_FACTS = postgresql.insert(FACT).on_conflict_do_nothing().returning(FACT.c.id)
_NEW_DUPLICATES = postgresql.insert(DUPLICATE).on_conflict_do_nothing()
_BETTER = (
    FACT.update()
    .where(FACT.c.id == bindparam("number"))
    .values(value=bindparam("exact"), approx=bindparam("nearest"))
)
_written = lru_cache(maxsize=100_000)(date.isoformat)


Place = tuple[int, int, str, date | None, date]
"""Filing, concept, unit, start and end: what names a fact among those of the store."""


@dataclass(frozen=True, slots=True)
class Added:
    """How many facts an `add` stored, and how many were there already."""

    new: int
    repeated: int


class Writer:
    """Adds companies and facts over a connection; remembers the ids of concepts."""

    def __init__(self) -> None:
        self._concepts: dict[tuple[str, str], int] = {}

    def forget(self) -> None:
        """Let go of remembered ids, which a transaction may have taken back."""
        self._concepts.clear()

    def add_company(self, connection: Connection, company: Company) -> None:
        row = {
            "name": company.name,
            "ticker": company.ticker,
            "former_names": "\n".join(company.former_names),
            "sic": company.sic,
            "fiscal_year_end": company.fiscal_year_end,
            "source": company.source,
        }
        present = connection.execute(_COMPANY, {"number": company.cik}).first()
        if present is None:
            connection.execute(_NEW_COMPANY, {"cik": company.cik, **row})
            return
        filled = {
            name: value for name, value in row.items() if value and not getattr(present, name)
        }
        if filled:
            connection.execute(
                COMPANY.update().where(COMPANY.c.cik == company.cik).values(**filled)
            )

    def add_facts(self, connection: Connection, cik: int, facts: Iterable[Fact]) -> Added:
        listed = facts if isinstance(facts, list) else list(facts)
        filings = self._filings(connection, cik, listed)
        concepts = self._concept_ids(connection, listed)
        rows = [
            (
                filings[fact.accession],
                concepts[fact.taxonomy, fact.tag],
                fact.unit,
                None if fact.start is None else _written(fact.start),
                _written(fact.end),
                format(fact.value, "f"),
                float(fact.value),
            )
            for fact in listed
        ]
        new = self._insert(connection, rows)
        if new < len(rows):
            self._settle(connection, listed, filings, concepts)
        return Added(new, len(rows) - new)

    def _settle(
        self,
        connection: Connection,
        facts: list[Fact],
        filings: dict[str, int],
        concepts: dict[tuple[str, str], int],
    ) -> None:
        """Let the most precise value of each fact stand, and keep the others with the reason."""
        stored = _values(connection, sorted({filings[fact.accession] for fact in facts}))
        better: dict[int, Decimal] = {}
        duplicates = {}
        for fact in facts:
            place = (filings[fact.accession], concepts[fact.taxonomy, fact.tag], fact.unit,
                     fact.start, fact.end)  # fmt: skip
            number, value = stored[place]
            known = better.get(number, value)
            if known != fact.value:
                settled = settle(known, fact.value)
                better[number] = settled.stands
                named, other = _named(fact), format(settled.other, "f")
                duplicates[named, other] = {
                    "fact": named, "other": other, "value": format(settled.stands, "f"),
                    "why": settled.why,
                }  # fmt: skip
        if duplicates:
            DUPLICATE.create(connection, checkfirst=True)
            connection.execute(_NEW_DUPLICATES, list(duplicates.values()))
            connection.execute(
                _BETTER,
                [
                    {"number": number, "exact": format(value, "f"), "nearest": float(value)}
                    for number, value in better.items()
                ],
            )

    def _insert(self, connection: Connection, rows: list[tuple[Any, ...]]) -> int:
        if connection.dialect.name == "sqlite":
            # Straight to the driver: SQLAlchemy's executemany costs more than the insert.
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101
            before = driver.total_changes
            driver.executemany(
                "INSERT OR IGNORE INTO fact "
                '(filing_id, concept_id, unit, start, "end", value, approx) '
                "VALUES (?,?,?,?,?,?,?)",
                rows,
            )
            return driver.total_changes - before
        new = 0
        for position in range(0, len(rows), _BATCH):
            batch = [
                dict(zip(_FACT, row, strict=True)) for row in rows[position : position + _BATCH]
            ]
            for row in batch:
                row["start"] = row["start"] and date.fromisoformat(row["start"])
                row["end"] = date.fromisoformat(row["end"])
            new += len(connection.execute(_NEW_FACTS, batch).all())
        return new

    def _filings(self, connection: Connection, cik: int, facts: list[Fact]) -> dict[str, int]:
        """Ids of the company's filings by accession; those of `facts` that are new are added."""
        known = {row[0]: row[1] for row in connection.execute(_FILINGS, {"number": cik})}
        missing = [
            {
                "cik": cik,
                "accession": accession,
                "form": fact.form,
                "filed": fact.filed,
                "superseded": fact.superseded,
            }
            for accession, fact in {fact.accession: fact for fact in facts}.items()
            if accession not in known
        ]
        if missing:
            connection.execute(_NEW_FILING, missing)
            known = {row[0]: row[1] for row in connection.execute(_FILINGS, {"number": cik})}
        return known

    def _concept_ids(self, connection: Connection, facts: list[Fact]) -> dict[tuple[str, str], int]:
        """Ids of concepts by (taxonomy, tag); those of `facts` that are new are added."""
        known = self._concepts
        if not known:
            known |= {(row[1], row[2]): row[0] for row in connection.execute(select(CONCEPT))}
        # In the order of the facts, so that the same facts make the same file.
        missing = [
            {"taxonomy": taxonomy, "tag": tag}
            for taxonomy, tag in dict.fromkeys((fact.taxonomy, fact.tag) for fact in facts)
            if (taxonomy, tag) not in known
        ]
        if missing:
            added = connection.execute(_NEW_CONCEPTS, missing)
            known |= {(row[1], row[2]): row[0] for row in added}
        return known


def _values(connection: Connection, filings: list[int]) -> dict[Place, tuple[int, Decimal]]:
    """Id and value of every stored fact of `filings`."""
    facts = {}
    for first in range(0, len(filings), 500):
        columns = ("id", "value", "filing_id", "concept_id", "unit", "start", "end")
        query = select(*(FACT.c[name] for name in columns)).where(
            FACT.c.filing_id.in_(filings[first : first + 500])
        )
        for number, value, *place in connection.execute(query):
            facts[tuple(place)] = (number, Decimal(value))
    return facts


def _named(fact: Fact) -> str:
    """A fact's identity, as `ledgerline quarantine` prints it."""
    parts = (fact.cik, fact.accession, f"{fact.taxonomy}:{fact.tag}", fact.unit)
    return "|".join(map(str, (*parts, fact.start or "", fact.end)))
