"""Planted errors of a generated universe: how many were found, and how many alarms were false."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Engine, inspect, text

from ledgerline.quality.reviews import Identity


@dataclass(frozen=True, slots=True)
class Score:
    """Of `planted` errors `caught` were set aside, `mended` of them with the right factor;
    `alarms` facts were set aside in all."""

    planted: int
    caught: int
    mended: int
    alarms: int

    @property
    def recall(self) -> float:
        return self.caught / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        return self.caught / self.alarms if self.alarms else 1.0


def planted_errors(engine: Engine) -> dict[Identity, Decimal]:
    """Factor by which each planted fact was multiplied; empty for stores of real filings."""
    if not inspect(engine).has_table("planted"):
        return {}
    with engine.connect() as connection:
        rows = connection.execute(
            text('SELECT cik, accession, taxonomy, tag, unit, start, "end", factor FROM planted')
        ).all()
    return {
        Identity(
            row.cik, row.accession, f"{row.taxonomy}:{row.tag}", row.unit, row.start or "", row.end
        ): Decimal(str(row.factor))
        for row in rows
    }


def score(planted: Mapping[Identity, Decimal], found: Mapping[Identity, Decimal | None]) -> Score:
    """Compare what was planted with what was set aside (identity → suggested factor)."""
    caught = planted.keys() & found.keys()
    mended = sum(
        1
        for identity in caught
        if (factor := found[identity]) is not None
        and abs(planted[identity] * factor - 1) < Decimal("0.01")
    )
    return Score(len(planted), len(caught), mended, len(found))
