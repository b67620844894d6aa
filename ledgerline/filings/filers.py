"""What EDGAR's facts leave out about well-known filers: tickers and the names people use."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ledgerline.filings.facts import Company

FILERS = Path(__file__).with_name("filers.yaml")


def completed(company: Company) -> Company:
    """`company` with what filers.yaml knows of it; what EDGAR told stays, the name excepted."""
    known = _filers().get(company.cik)
    if known is None:
        return company
    names = (*company.former_names, *known["also"])
    if company.name.casefold() != known["name"].casefold():
        names = (company.name, *names)
    return replace(
        company,
        name=known["name"],
        ticker=company.ticker or known["ticker"],
        former_names=tuple(dict.fromkeys(names)),
    )


@cache
def _filers() -> dict[int, dict[str, Any]]:
    filers: dict[int, dict[str, Any]] = yaml.safe_load(FILERS.read_text(encoding="utf-8"))
    return filers
