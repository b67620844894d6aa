"""Migrations: they end in the tables of the code, and carry facts along."""

from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ledgerline.errors import LedgerlineError
from ledgerline.filings import upgrade as upgrade_module
from ledgerline.filings.store import Store, writable_engine
from ledgerline.filings.tables import OCCASIONAL, REVISION, metadata
from ledgerline.filings.upgrade import upgrade


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'facts.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


def test_migrations_make_the_tables_of_the_code(where: str) -> None:
    assert upgrade(where) == (None, REVISION)
    engine = writable_engine(where)
    occasional = {table.name for table in OCCASIONAL}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        different = [
            change
            for change in compare_metadata(context, metadata)
            if not (change[0] == "add_table" and change[1].name in occasional)
        ]
    engine.dispose()
    assert different == []
    assert upgrade(where) == (REVISION, REVISION)


def test_an_old_store_keeps_its_facts(where: str) -> None:
    upgrade(where, "0001")
    with pytest.raises(LedgerlineError, match="facts-upgrade"):
        Store.open(where)
    engine = writable_engine(where)
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO company VALUES (7, 'Acme', '', '', '', '', '')",
            "INSERT INTO concept VALUES (1, 'us-gaap', 'Assets')",
            "INSERT INTO filing VALUES (1, 7, 'a-1', '10-K', '2024-02-01')",
            "INSERT INTO fact VALUES (1, 1, 1, 'USD', NULL, '2023-12-31', '12', 12.0)",
        ):
            connection.execute(text(statement))
    engine.dispose()
    assert upgrade(where) == ("0001", REVISION)
    with Store.open(where) as store:
        frame = store.frame()
        assert (frame["value_text"].iloc[0], frame["end"].iloc[0].date()) == (
            "12",
            date(2023, 12, 31),
        )
        with pytest.raises(IntegrityError), store.engine.begin() as connection:
            connection.execute(
                text(
                    'INSERT INTO fact (id, filing_id, concept_id, unit, "end", value, approx) '
                    "VALUES (2, 1, 1, 'USD', '2023-12-31', '13', 13.0)"
                )
            )


def test_a_new_store_has_the_newest_revision(where: str) -> None:
    Store.create(where).close()
    assert upgrade(where) == (REVISION, REVISION)


def test_the_newest_migration_is_the_one_that_the_code_names() -> None:
    scripts = ScriptDirectory(str(Path(upgrade_module.__file__).with_name("migrations")))
    assert scripts.get_current_head() == REVISION


def test_tables_of_nobody_are_left_alone(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'other.sqlite'}"
    engine = writable_engine(where)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fact (x INTEGER)"))
    engine.dispose()
    with pytest.raises(LedgerlineError, match="without a revision"):
        upgrade(where)
