"""Where facts are kept: SQLModel tables in one SQLite file, or in Postgres by URL."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine, event, func, insert, select, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import create_engine

from ledgerline.errors import LedgerlineError
from ledgerline.filings.facts import Company, Fact, NewestFilings
from ledgerline.filings.tables import (
    COMPANY,
    CONCEPT,
    FACT,
    FILING,
    REVISION,
    TABLES,
    VERSION,
    metadata,
)
from ledgerline.filings.writer import Added, Writer


class Store:
    """Facts of many companies; opened by path or URL, closed like a file.

    A path is an SQLite file. It is written in WAL mode and put back into one plain file on
    close, so that it can be hashed, copied and opened read-only.
    """

    def __init__(self, engine: Engine, read_only: bool):
        self.engine = engine
        self.read_only = read_only
        self._writer = Writer()

    @classmethod
    def create(cls, where: Path | str) -> "Store":
        """A new, empty store; an SQLite file must not exist yet, tables in Postgres may."""
        url = _url(where)
        if url.startswith("sqlite") and Path(url.removeprefix("sqlite:///")).exists():
            raise LedgerlineError(f"{where}: a store is there already; open it or remove it")
        store = cls(_engine(url, read_only=False), read_only=False)
        with store.engine.begin() as connection:
            metadata.create_all(connection, tables=TABLES)
            if connection.execute(select(VERSION)).first() is None:
                connection.execute(insert(VERSION).values(version_num=REVISION))
        return store

    @classmethod
    def open(cls, where: Path | str, read_only: bool = False) -> "Store":
        """An existing store.

        Raises:
            LedgerlineError: there is none at `where`, or it isn't a store of facts.
        """
        url = _url(where)
        if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).is_file():
            raise LedgerlineError(f"{where}: no store of facts there; run the stage that makes it")
        store = cls(_engine(url, read_only), read_only)
        try:
            with store.engine.connect() as connection:
                for table in (COMPANY, FILING, CONCEPT, FACT):
                    connection.execute(select(table).limit(0))
        except DatabaseError as error:
            store.engine.dispose()
            raise LedgerlineError(
                f"{where}: not a store of facts of this version ({error.orig}); run the stage that "
                "makes it, or `ledgerline facts-upgrade`"
            ) from None
        return store

    def close(self) -> None:
        """Leave one whole file behind (SQLite) and let go of every connection."""
        if self.engine.dialect.name == "sqlite" and not self.read_only:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA optimize")
                connection.commit()
                connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, company: Company, facts: Iterable[Fact]) -> Added:
        """Store a company and its facts in one transaction; what is there already is counted.

        A company that is there keeps its row; fields that were empty are filled.
        """
        return self.add_many([(company, facts)])

    def add_many(self, batches: Iterable[tuple[Company, Iterable[Fact]]]) -> Added:
        """`add` for many companies in one transaction, which is several times faster."""
        new = repeated = 0
        try:
            with self.engine.begin() as connection:
                for company, facts in batches:
                    self._writer.add_company(connection, company)
                    added = self._writer.add_facts(connection, company.cik, facts)
                    new, repeated = new + added.new, repeated + added.repeated
        except BaseException:
            # The transaction took back rows whose ids are remembered here.
            self._writer.forget()
            raise
        return Added(new, repeated)

    def companies(self) -> list[Company]:
        """Every company, by cik."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(COMPANY).order_by("cik")).all()
        return [
            Company(
                cik=row.cik,
                name=row.name,
                ticker=row.ticker,
                former_names=tuple(row.former_names.split("\n")) if row.former_names else (),
                sic=row.sic,
                fiscal_year_end=row.fiscal_year_end,
                source=row.source,
            )
            for row in rows
        ]

    def newest_filings(self) -> dict[int, NewestFilings]:
        """When each company last filed what is stored, and which filings those are, by cik."""
        last = select(FILING.c.cik, func.max(FILING.c.filed).label("day")).group_by(FILING.c.cik)
        days = last.subquery()
        query = select(FILING.c.cik, FILING.c.filed, FILING.c.accession).join(
            days, (FILING.c.cik == days.c.cik) & (FILING.c.filed == days.c.day)
        )
        found: dict[int, NewestFilings] = {}
        with self.engine.connect() as connection:
            for cik, day, accession in connection.execute(query):
                known = found.get(cik, NewestFilings()).accessions
                found[cik] = NewestFilings(day, known | {accession})
        return found

    def count(self) -> int:
        """How many facts are stored."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(FACT)).scalar_one())

    def frame(
        self,
        ciks: Iterable[int] | None = None,
        tags: Iterable[str] | None = None,
        where: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Facts as a frame, one row each, ordered by fact_id.

        Columns: fact_id (int64), cik (int64), accession, form (categories), filed
        (datetime64), taxonomy, tag, unit (categories), start (datetime64, NaT for an instant),
        end (datetime64), value (float64, for arithmetic only), value_text (exact).
        `tags` are "taxonomy:tag"; `where` is further SQL over the tables fact, filing and
        concept with bound `parameters`.
        """
        clauses, bound = ["1=1"], dict(parameters or {})
        if ciks is not None:
            listed = ",".join(str(int(cik)) for cik in ciks)
            clauses.append(f"filing.cik IN ({listed or 'NULL'})")
        if tags is not None:
            names = {f"tag_{n}": tag for n, tag in enumerate(tags)}
            marks = ",".join(f":{name}" for name in names) or "NULL"
            clauses.append(f"concept.taxonomy || ':' || concept.tag IN ({marks})")
            bound |= names
        if where:
            clauses.append(f"({where})")
        with self.engine.connect() as connection:
            filings = _lookup(connection, "SELECT id, cik, accession, form, filed FROM filing")
            concepts = _lookup(connection, "SELECT id, taxonomy, tag FROM concept")
            cursor = connection.execute(
                text(
                    "SELECT fact.id, fact.filing_id, fact.concept_id, fact.unit, fact.start, "  # noqa: S608
                    'fact."end", fact.approx, fact.value FROM fact '
                    "JOIN filing ON filing.id = fact.filing_id "
                    "JOIN concept ON concept.id = fact.concept_id "
                    f"WHERE {' AND '.join(clauses)} ORDER BY fact.id"
                ),
                bound,
            )
            rows = cursor.fetchall()
        columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * 8
        filing = filings.loc[np.asarray(columns[1], dtype=np.int64)]
        concept = concepts.loc[np.asarray(columns[2], dtype=np.int64)]
        return pd.DataFrame(
            {
                "fact_id": np.asarray(columns[0], dtype=np.int64),
                "cik": filing["cik"].to_numpy(dtype=np.int64),
                "accession": filing["accession"].array,
                "form": filing["form"].array,
                "filed": filing["filed"].array,
                "taxonomy": concept["taxonomy"].array,
                "tag": concept["tag"].array,
                "unit": pd.Categorical(columns[3]),
                "start": _dates(columns[4]),
                "end": _dates(columns[5]),
                "value": np.asarray(columns[6], dtype=np.float64),
                "value_text": np.asarray(columns[7], dtype=object),
            }
        )


def _url(where: Path | str) -> str:
    return where if isinstance(where, str) and "://" in where else f"sqlite:///{where}"


def writable_engine(where: Path | str) -> Engine:
    """An engine on a path or URL, whatever is there."""
    return _engine(_url(where), read_only=False)


def _engine(url: str, read_only: bool) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url)
    if read_only:
        path = Path(url.removeprefix("sqlite:///")).resolve()
        # immutable: no lock, no -wal and no -shm; many processes may share the file.
        return create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(
                f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            ),
        )
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _tune(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-65536")

    return engine


def _lookup(connection: Connection, query: str) -> pd.DataFrame:
    rows = connection.execute(text(query)).all()
    names = query.removeprefix("SELECT ").partition(" FROM")[0].split(", ")
    frame = pd.DataFrame(rows, columns=names).set_index("id")
    for name in names[1:]:
        if name == "filed":
            frame[name] = pd.to_datetime(frame[name])
        elif name != "cik":
            frame[name] = frame[name].astype("category")
    return frame


def _dates(column: Iterable[date | str | None]) -> pd.Series:
    # Few distinct dates stand in many rows, so each is parsed once.
    codes, distinct = pd.factorize(np.asarray(column, dtype=object))
    parsed = pd.to_datetime(pd.Series(distinct, dtype=object)).to_numpy("datetime64[ns]")
    padded = np.append(parsed, np.datetime64("NaT"))
    return pd.Series(padded[codes])


def exact(value: str) -> Decimal:
    """A stored value as the number it is."""
    return Decimal(value)
