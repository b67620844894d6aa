"""What a filing reports, exactly as it reports it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Company:
    """One filer.

    `former_names` are other names it filed under or is called by. `fiscal_year_end` is "MMDD"
    as EDGAR gives it (may be empty). `source` names the kind of source it came from
    ("generated", "companyfacts", "fsds", "edgar").
    """

    cik: int
    name: str
    ticker: str = ""
    former_names: tuple[str, ...] = ()
    sic: str = ""
    fiscal_year_end: str = ""
    source: str = ""


class Fact(NamedTuple):
    """One reported value: identity (cik, accession, taxonomy:tag, unit, start, end).

    `value` is exact, in whole `unit`s (dollars, not millions). `start` is None for an
    instant (a balance-sheet date). `form`, `filed` and `superseded` (whether a later submission
    replaced it) describe the filing. A tuple, since readers make a hundred thousand a second.
    """

    cik: int
    accession: str
    taxonomy: str
    tag: str
    unit: str
    start: date | None
    end: date
    value: Decimal
    form: str
    filed: date
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class NewestFilings:
    """The last day on which a company filed what is known of it, and the filings of that day."""

    day: date = date.min
    accessions: frozenset[str] = frozenset()

    def precede(self, filed: date, accession: str) -> bool:
        """Whether a filing is newer; a second one of the same day is."""
        return filed > self.day or (filed == self.day and accession not in self.accessions)
