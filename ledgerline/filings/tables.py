"""The store's tables. migrations/ brings older stores to this shape."""

from dataclasses import asdict
from datetime import date

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from ledgerline.filings.planting import Planted


class CompanyRow(SQLModel, table=True):
    """A filer. `former_names` holds one name a line."""

    __tablename__ = "company"
    cik: int = Field(primary_key=True)
    name: str
    ticker: str = ""
    former_names: str = ""
    sic: str = ""
    fiscal_year_end: str = ""
    source: str = ""


class FilingRow(SQLModel, table=True):
    """One accession of one filer (co-registrants share an accession).

    `superseded` tells that a later submission replaced it, where the source says so.
    """

    __tablename__ = "filing"
    __table_args__ = (UniqueConstraint("cik", "accession"),)
    id: int | None = Field(default=None, primary_key=True)
    cik: int = Field(foreign_key="company.cik")
    accession: str
    form: str
    filed: date
    superseded: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class ConceptRow(SQLModel, table=True):
    """An XBRL concept."""

    __tablename__ = "concept"
    __table_args__ = (UniqueConstraint("taxonomy", "tag"),)
    id: int | None = Field(default=None, primary_key=True)
    taxonomy: str
    tag: str


class FactRow(SQLModel, table=True):
    """One reported value.

    `value` is exact, as text; `approx` is the nearest double, for detectors and SQL.
    `start` is null for an instant. The unique index is a fact's identity; it also serves
    search, which asks by filing and concept.
    """

    __tablename__ = "fact"
    id: int | None = Field(default=None, primary_key=True)
    filing_id: int = Field(sa_column=Column(Integer, ForeignKey("filing.id"), nullable=False))
    concept_id: int = Field(sa_column=Column(Integer, ForeignKey("concept.id"), nullable=False))
    unit: str
    start: date | None = None
    end: date
    value: str
    approx: float = Field(sa_column=Column(Float(53), nullable=False))
    corrected: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class PlantedRow(SQLModel, table=True):
    """An error planted in the generated universe, and the right value; nothing else reads it."""

    __tablename__ = "planted"
    id: int | None = Field(default=None, primary_key=True)
    cik: int
    accession: str
    taxonomy: str
    tag: str
    unit: str
    start: date | None = None
    end: date
    factor: str
    wrong: str
    right: str
    kind: str

    @classmethod
    def of(cls, error: Planted) -> "PlantedRow":
        """The row of a planted error."""
        return cls.model_validate(asdict(error))


class DuplicateRow(SQLModel, table=True):
    """A value that a filing gives beside the one that stands, and why it doesn't.

    `fact` is "CIK|accession|taxonomy:tag|unit|start|end". `value` stands; it is what the fact
    had when the two were compared.
    """

    __tablename__ = "duplicate"
    fact: str = Field(primary_key=True)
    other: str = Field(primary_key=True)
    value: str
    why: str


def _table(row: type[SQLModel]) -> Table:
    table = SQLModel.metadata.tables[str(row.__tablename__)]
    assert isinstance(table, Table)  # noqa: S101
    return table


COMPANY, FILING, CONCEPT, FACT, PLANTED, DUPLICATE = (
    _table(row) for row in (CompanyRow, FilingRow, ConceptRow, FactRow, PlantedRow, DuplicateRow)
)
REVISION = "0002"
"""The migration that makes tables of this shape."""
VERSION = Table(
    "alembic_version", SQLModel.metadata, Column("version_num", String(32), primary_key=True)
)
TABLES = [COMPANY, FILING, CONCEPT, FACT, VERSION]
"""What every store has."""
OCCASIONAL = [PLANTED, DUPLICATE]
"""What is made only where there is something to put in it."""

Index(
    "fact_identity",
    FACT.c.filing_id,
    FACT.c.concept_id,
    FACT.c.end,
    text("coalesce(start, '0001-01-01')"),
    FACT.c.unit,
    unique=True,
)

metadata = SQLModel.metadata
