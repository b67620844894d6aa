"""EDGAR companyfacts: one JSON object per company, plain, gzipped, or within the bulk zip."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import orjson

from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.spelling import display_name


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
        if b"." in content and _has_long_numbers(document):
            document = json.loads(content, parse_float=Decimal)
    except (orjson.JSONDecodeError, ValueError) as error:
        kind = "an HTML page" if content.lstrip()[:1] == b"<" else "truncated or not JSON"
        raise BadFileError(f"{kind} ({error})") from None
    try:
        cik = int(document["cik"])
        company = Company(
            cik=cik,
            name=display_name(str(document.get("entityName") or f"CIK {cik}")),
            ticker=next(iter(document.get("tickers") or ()), ""),
            former_names=tuple(f["name"] for f in document.get("formerNames") or ()),
            sic=str(document.get("sic") or ""),
            fiscal_year_end=str(document.get("fiscalYearEnd") or ""),
            source=source,
        )
        taxonomies = document["facts"].items()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFileError(f"not a companyfacts object ({error!r})") from None
    facts: list[Fact] = []
    bad: dict[str, int] = {}
    for taxonomy, tags in taxonomies:
        for tag, described in tags.items():
            for unit, rows in described["units"].items():
                for row in rows:
                    try:
                        facts.append(_fact(cik, taxonomy, tag, unit, row))
                    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                        reason = f"{type(error).__name__}: {error}"
                        bad[reason] = bad.get(reason, 0) + 1
    return company, facts, bad


def _fact(cik: int, taxonomy: str, tag: str, unit: str, row: dict[str, Any]) -> Fact:
    value = row["val"]
    start = row.get("start")
    return Fact(
        cik,
        row["accn"],
        taxonomy,
        tag,
        unit,
        None if start is None else _date(start),
        _date(row["end"]),
        Decimal(value) if isinstance(value, int) else Decimal(str(value)),
        row["form"],
        _date(row["filed"]),
    )


_date = lru_cache(maxsize=200_000)(date.fromisoformat)


def _has_long_numbers(document: Any) -> bool:
    """Whether a float in `document` may have lost digits (17 or more of them)."""
    for tags in _values(document.get("facts")):
        for described in _values(tags):
            for rows in _values(described.get("units")):
                for row in rows:
                    value = row.get("val")
                    if isinstance(value, float) and len(repr(value)) > 16:
                        return True
    return False


def _values(mapping: Any) -> Iterator[Any]:
    return iter(mapping.values()) if isinstance(mapping, dict) else iter(())
