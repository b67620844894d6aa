"""Marks: facts that a reviewer corrected, filings that a later submission superseded."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add both, false for what is there."""
    for table, column in (("fact", "corrected"), ("filing", "superseded")):
        op.add_column(
            table,
            sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.text("false")),
        )


def downgrade() -> None:
    """Drop both."""
    with op.batch_alter_table("filing") as filing:
        filing.drop_column("superseded")
    with op.batch_alter_table("fact") as fact:
        fact.drop_column("corrected")
