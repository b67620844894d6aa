"""Values that a filing gives beside the one that stands, and why each was left out."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Engine, inspect, select

from ledgerline.filings.duplicates import ROUNDED
from ledgerline.filings.tables import DUPLICATE
from ledgerline.quality.reviews import Identity


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A fact given twice: `value` stands, `other` doesn't, and `why`."""

    fact: Identity
    value: Decimal
    other: Decimal
    why: str


def read_duplicates(engine: Engine) -> tuple[Duplicate, ...]:
    """All of a store's duplicates: those that contradict each other first, then mere roundings."""
    if not inspect(engine).has_table(DUPLICATE.name):
        return ()
    with engine.connect() as connection:
        rows = connection.execute(select(DUPLICATE)).all()
    found = (
        Duplicate(Identity.parse(row.fact), Decimal(row.value), Decimal(row.other), row.why)
        for row in rows
    )
    return tuple(sorted(found, key=lambda d: (d.why == ROUNDED, d.fact, d.other)))
