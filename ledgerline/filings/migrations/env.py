"""Alembic's entry: runs migrations on the connection that upgrade.py gives."""

from alembic import context

from ledgerline.filings.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can't alter a column in place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
