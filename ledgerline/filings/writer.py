"""Writing facts into the store's tables, fast."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.dialects import postgresql

from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.tables import COMPANY, CONCEPT, FACT, FILING

_BATCH = 20_000
_FACT = ("filing_id", "concept_id", "unit", "start", "end", "value", "approx")
_COMPANY = select(COMPANY).where(COMPANY.c.cik == bindparam("number"))
_NEW_COMPANY = insert(COMPANY)
_FILINGS = select(FILING.c.accession, FILING.c.id).where(FILING.c.cik == bindparam("number"))
_NEW_CONCEPTS = insert(CONCEPT).returning(CONCEPT.c.id, CONCEPT.c.taxonomy, CONCEPT.c.tag)
_NEW_FILING = insert(FILING)
_NEW_FACTS = postgresql.insert(FACT).on_conflict_do_nothing().returning(FACT.c.id)
_written = lru_cache(maxsize=100_000)(date.isoformat)


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
        return Added(new, len(rows) - new)

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
