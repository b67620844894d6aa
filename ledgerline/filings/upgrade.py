"""Bring a store of an older shape to the present one, facts and all."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from ledgerline.errors import LedgerlineError
from ledgerline.filings.store import writable_engine

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(where: Path | str, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrate the store at a path or URL; an empty database gets the tables.

    Returns the revision before and after. Each migration is one transaction.

    Raises:
        LedgerlineError: the database holds tables that no revision of the store made.
    """
    engine = writable_engine(where)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    try:
        with engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            tables = set(inspect(connection).get_table_names())
            if before is None and tables & {"fact", "filing", "company", "concept"}:
                raise LedgerlineError(
                    f"{where}: a store without a revision; make it anew with the stage ingest"
                )
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
            after = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return before, after
