"""The clean store: a copy of the raw one, put in place whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, inspect, select

from ledgerline import durable
from ledgerline.filings.store import Store, writable_engine
from ledgerline.filings.tables import OCCASIONAL, TABLES, metadata

Where = Path | str
"""A store: the path of an SQLite file, or a database's URL."""

_BATCH = 20_000


def url_of(where: Where) -> str:
    """The URL under which SQLAlchemy and Great Expectations reach a store."""
    if isinstance(where, str) and "://" in where:
        return where
    return f"sqlite:///{Path(where).resolve()}"


@contextmanager
def copied(raw: Where, clean: Where) -> Iterator[Connection]:
    """Yield a transaction on a copy of `raw`; once it is committed the copy is `clean`.

    SQLite files are copied aside and renamed. In a database by URL the tables are emptied and
    filled in the one transaction, so that readers see the old store until it is committed.
    """
    if "://" in str(raw) or "://" in str(clean):
        engine = writable_engine(clean)
        try:
            with (
                Store.open(raw, read_only=True) as source,
                engine.begin() as connection,
            ):
                _refill(source.engine, connection)
                yield connection
        finally:
            engine.dispose()
        return
    path = Path(clean)
    with durable.replacing_file(path) as temporary:
        shutil.copyfile(raw, temporary)
        with Store.open(temporary) as store, store.engine.begin() as connection:
            yield connection


def _refill(source: Engine, connection: Connection) -> None:
    tables: list[Table] = list(TABLES)
    tables += [table for table in OCCASIONAL if inspect(source).has_table(table.name)]
    metadata.drop_all(connection, tables=[*TABLES, *OCCASIONAL])
    metadata.create_all(connection, tables=tables)
    with source.connect() as reading:
        for table in tables:
            for rows in reading.execute(select(table)).mappings().partitions(_BATCH):
                connection.execute(table.insert(), [dict(row) for row in rows])
