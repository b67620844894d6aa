"""Scale errors planted in generated filings, each recorded with the right value."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ledgerline.filings.generated_filings import unit_of


@dataclass(frozen=True, slots=True)
class Planted:
    """A wrong value in the universe, and the right one."""

    cik: int
    accession: str
    taxonomy: str
    tag: str
    unit: str
    start: str | None
    end: str
    factor: str
    wrong: str
    right: str
    kind: str


def plant_errors(
    cik: int,
    currency: str,
    rows_by_tag: dict[str, list[dict[str, Any]]],
    fact_rate: float,
    filing_rate: float,
    random_: random.Random,
) -> list[Planted]:
    """Spoil some values in place and say which.

    A share `filing_rate` of filings has every amount in `currency` a thousandfold; of the
    other facts a share `fact_rate` gets a power of ten that filers have been seen to get wrong.
    """
    accessions = sorted({row["accn"] for rows in rows_by_tag.values() for row in rows})
    whole = {accession for accession in accessions if random_.random() < filing_rate}
    planted = []
    for tag, rows in rows_by_tag.items():
        unit = unit_of(tag, currency)
        for row in rows:
            if not row["val"]:
                continue
            if row["accn"] in whole and unit == currency:
                planted.append(_spoil(cik, tag, unit, row, "1000", "filing"))
            elif random_.random() < fact_rate:
                factor = _factor(unit, row["val"], random_)
                planted.append(_spoil(cik, tag, unit, row, factor, "fact"))
    return planted


def _factor(unit: str, value: Any, random_: random.Random) -> str:
    if unit == "pure":
        return "100"
    if unit.endswith("/shares"):
        return random_.choice(("100", "1000"))
    # Only what leaves whole amounts and shares is planted.
    factors = ["1000", "1000", "1000000"]
    factors += ["0.001"] * 2 if value % 10**3 == 0 else []
    factors += ["0.000001"] if value % 10**6 == 0 else []
    return random_.choice(factors)


def _spoil(cik: int, tag: str, unit: str, row: dict[str, Any], factor: str, kind: str) -> Planted:
    right = Decimal(str(row["val"]))
    wrong = right * Decimal(factor)
    row["val"] = int(wrong) if wrong == wrong.to_integral_value() else float(wrong)
    return Planted(
        cik,
        row["accn"],
        "us-gaap",
        tag,
        unit,
        row.get("start"),
        row["end"],
        factor,
        format(Decimal(str(row["val"])), "f"),
        format(right, "f"),
        kind,
    )
