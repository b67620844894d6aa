"""Companies, filings, concepts and facts, with the identity of a fact unique."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the four tables."""
    op.create_table(
        "company",
        sa.Column("cik", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ticker", sa.String(), nullable=False),
        sa.Column("former_names", sa.String(), nullable=False),
        sa.Column("sic", sa.String(), nullable=False),
        sa.Column("fiscal_year_end", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
    )
    op.create_table(
        "concept",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("taxonomy", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.UniqueConstraint("taxonomy", "tag"),
    )
    op.create_table(
        "filing",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("cik", sa.Integer(), sa.ForeignKey("company.cik"), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("filed", sa.Date(), nullable=False),
        sa.UniqueConstraint("cik", "accession"),
    )
    op.create_table(
        "fact",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("filing_id", sa.Integer(), sa.ForeignKey("filing.id"), nullable=False),
        sa.Column("concept_id", sa.Integer(), sa.ForeignKey("concept.id"), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("start", sa.Date()),
        sa.Column("end", sa.Date(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("approx", sa.Float(53), nullable=False),
    )
    op.create_index(
        "fact_identity",
        "fact",
        ["filing_id", "concept_id", "end", sa.text("coalesce(start, '0001-01-01')"), "unit"],
        unique=True,
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("fact", "filing", "concept", "company"):
        op.drop_table(table)
