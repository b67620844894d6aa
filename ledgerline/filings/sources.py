"""Where facts come from, behind one small interface: a stream of readings."""

import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ledgerline.errors import LedgerlineError
from ledgerline.filings.companyfacts import BadFileError, read_companyfacts
from ledgerline.filings.edgar import Edgar, EdgarSettings
from ledgerline.filings.facts import Company, Fact, NewestFilings
from ledgerline.filings.filers import completed
from ledgerline.filings.fsds import is_data_set, read_data_set
from ledgerline.filings.generated import GeneratedSettings, companies
from ledgerline.filings.planting import Planted


@dataclass(frozen=True, slots=True)
class Reading:
    """Facts of one company out of one place, with the rows set aside there, by reason."""

    origin: str
    company: Company
    facts: list[Fact]
    rows_aside: Mapping[str, int] = field(default_factory=dict)
    planted: tuple[Planted, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, or an entry of a zip, that was set aside whole, and why."""

    origin: str
    reason: str


def read_generated(settings: GeneratedSettings) -> Iterator[Reading]:
    """The generated universe, through the reader of real companyfacts."""
    for content, planted in companies(settings):
        company, facts, aside = read_companyfacts(content, source="generated")
        yield Reading("generated", company, facts, aside, tuple(planted))


def read_edgar(
    settings: EdgarSettings, newest: Mapping[int, NewestFilings] | None = None
) -> Iterator[Reading | Unreadable]:
    """Companies from EDGAR; one that it doesn't have, or serves unreadable, is set aside.

    Of a company whose CIK `newest` has, only what was filed after those filings.
    """
    edgar = Edgar(settings)
    try:
        for origin, content in edgar.companies(newest):
            if isinstance(content, LedgerlineError):
                yield Unreadable(origin, str(content))
                continue
            try:
                company, facts, aside = read_companyfacts(content, source="edgar")
                known = (newest or {}).get(company.cik, NewestFilings())
                later = [fact for fact in facts if known.precede(fact.filed, fact.accession)]
                yield Reading(origin, completed(company), later, aside)
            except BadFileError as error:
                yield Unreadable(origin, str(error))
    finally:
        edgar.close()


def read_folder(folder: Path) -> Iterator[Reading | Unreadable]:
    """Every companyfacts file, bulk zip and data set under `folder`, in the order of names.

    A `company_tickers.json` of the SEC gives tickers to companies of the whole folder.

    Raises:
        LedgerlineError: there is no such folder, or nothing of the kind in it.
    """
    if not folder.is_dir():
        raise LedgerlineError(f"{folder}: no such folder; correct the source's folder in params")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name.lower().endswith((".json", ".json.gz", ".zip"))
    )
    symbols = _tickers(folder)
    files = [path for path in files if path.name != "company_tickers.json"]
    if not files:
        raise LedgerlineError(
            f"{folder}: no companyfacts JSON (.json, .json.gz) and no data set (.zip) in it; "
            "put filings there or correct the source's folder in params"
        )
    for path in files:
        for found in _read_file(path):
            if isinstance(found, Reading) and found.company.cik in symbols:
                yield _with_ticker(found, symbols[found.company.cik])
            else:
                yield found


def _read_file(path: Path) -> Iterator[Reading | Unreadable]:
    try:
        if path.suffix.lower() == ".zip":
            yield from _read_zip(path)
        else:
            content = path.read_bytes()
            if path.suffix.lower() == ".gz":
                content = gzip.decompress(content)
            yield _companyfacts(str(path), content)
    except BadFileError as error:
        yield Unreadable(str(path), str(error))
    except (OSError, EOFError, zlib.error) as error:
        yield Unreadable(str(path), f"truncated or unreadable ({error})")


def _companyfacts(origin: str, content: bytes) -> Reading:
    company, facts, aside = read_companyfacts(content)
    return Reading(origin, completed(company), facts, aside)


def _read_zip(path: Path) -> Iterator[Reading | Unreadable]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            entries = [name for name in names if name.lower().endswith(".json")]
            if not is_data_set(names):
                if not entries:
                    raise BadFileError("neither companyfacts nor a financial statement data set")
                yield from _read_bulk(path, archive, entries)
                return
    except zipfile.BadZipFile as error:
        raise BadFileError(f"truncated or not a zip ({error})") from None
    for company, facts, aside in read_data_set(path):
        yield Reading(str(path), completed(company), facts, aside)


def _read_bulk(
    path: Path, archive: zipfile.ZipFile, entries: list[str]
) -> Iterator[Reading | Unreadable]:
    """EDGAR's companyfacts.zip, one entry in memory at a time."""
    for entry in entries:
        origin = f"{path}:{entry}"
        try:
            content = archive.read(entry)
            # EDGAR has empty objects for filers that never filed XBRL.
            if content.strip() != b"{}":
                yield _companyfacts(origin, content)
        except (BadFileError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            yield Unreadable(origin, str(error))


def _tickers(folder: Path) -> dict[int, str]:
    """CIK to ticker out of the SEC's company_tickers.json, where the folder has one."""
    path = folder / "company_tickers.json"
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_bytes())
        # Most traded first; a company's later lines are its other share classes.
        return {int(r["cik_str"]): str(r["ticker"]) for r in reversed(list(rows.values()))}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerlineError(f"{path}: not the SEC's list of tickers ({error!r})") from None


def _with_ticker(reading: Reading, ticker: str) -> Reading:
    company = reading.company
    return replace(reading, company=replace(company, ticker=company.ticker or ticker))
