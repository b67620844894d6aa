"""EDGAR companyfacts: one JSON object per company, plain, gzipped, or within the bulk zip."""

import json
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.periods import checked_day
from ledgerline.filings.spelling import display_name

_DOUBLE_DIGITS = 15
"""Every number of so many digits comes through a double unharmed."""


class BadFileError(Exception):
    """A file or an entry of a zip that can't be read as what it should be; says why."""


def read_companyfacts(
    content: bytes, source: str = "companyfacts"
) -> tuple[Company, list[Fact], dict[str, int]]:
    """Read one companyfacts object.

    Returns the company, its facts in the file's order, and how many rows were set aside by
    reason. Besides EDGAR's own keys, `tickers`, `sic`, `fiscalYearEnd` and `formerNames` (as
    in EDGAR's submissions API) are taken where present.

    Raises:
        BadFileError: it isn't whole JSON, or not a companyfacts object.
    """
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        kind = "an HTML page" if content.lstrip()[:1] == b"<" else "truncated or not JSON"
        raise BadFileError(f"{kind} ({error})") from None
    try:
        try:
            return _read(document, source)
        except _InexactError:
            # The quick parser rounds long numbers to doubles; the slow one keeps them.
            return _read(json.loads(content, parse_float=Decimal), source)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFileError(f"not a companyfacts object ({error!r})") from None


class _InexactError(Exception):
    """A number had more digits than a double holds."""


def _read(document: Any, source: str) -> tuple[Company, list[Fact], dict[str, int]]:
    cik = int(document["cik"])
    company = Company(
        cik=cik,
        name=display_name(str(document.get("entityName") or f"CIK {cik}")),
        ticker=next(iter(document.get("tickers") or ()), ""),
        former_names=tuple(former["name"] for former in document.get("formerNames") or ()),
        sic=str(document.get("sic") or ""),
        fiscal_year_end=str(document.get("fiscalYearEnd") or ""),
        source=source,
    )
    facts: list[Fact] = []
    bad: dict[str, int] = {}
    for taxonomy, tags in document["facts"].items():
        for tag, described in tags.items():
            for unit, rows in described["units"].items():
                for row in rows:
                    try:
                        facts.append(_fact(cik, taxonomy, tag, unit, row))
                    except (KeyError, TypeError, ValueError) as error:
                        reason = f"{type(error).__name__}: {error}"
                        bad[reason] = bad.get(reason, 0) + 1
    return company, facts, bad


def _fact(cik: int, taxonomy: str, tag: str, unit: str, row: dict[str, Any]) -> Fact:
    start, accession, form = row.get("start"), row["accn"], row["form"]
    if not (accession and form and isinstance(accession, str) and isinstance(form, str)):
        raise ValueError("accn or form is no text")
    return Fact(
        cik,
        accession,
        taxonomy,
        tag,
        unit,
        None if start is None else _date(start),
        _date(row["end"]),
        _exact(row["val"]),
        form,
        _date(row["filed"]),
    )


def _exact(value: Any) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float):
        exact = Decimal(repr(value))
        if len(exact.as_tuple().digits) > _DOUBLE_DIGITS:
            raise _InexactError(value)
        return exact
    if isinstance(value, Decimal):
        return value
    raise TypeError(f"val is not a number: {value!r}")


@lru_cache(maxsize=200_000)
def _date(text: str) -> date:
    return checked_day(date.fromisoformat(text))
