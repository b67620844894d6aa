"""From sources to a store of raw facts."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import insert

from ledgerline.durable import replacing_file
from ledgerline.errors import LedgerlineError
from ledgerline.filings.edgar import EdgarSettings
from ledgerline.filings.generated import GeneratedSettings
from ledgerline.filings.planting import Planted
from ledgerline.filings.sources import (
    Reading,
    Unreadable,
    read_edgar,
    read_folder,
    read_generated,
)
from ledgerline.filings.store import Store
from ledgerline.filings.tables import PLANTED, PlantedRow
from ledgerline.settings import Settings

_FACTS_AT_ONCE = 40_000
"""Facts stored in one transaction, and about as many held in memory."""
_FACTS_A_COLLECTION = 200_000


class GeneratedSource(GeneratedSettings):
    """The generated universe."""

    kind: Literal["generated"]


class FilesSource(Settings):
    """A folder of companyfacts and data sets; relative to the project's root."""

    kind: Literal["files"]
    folder: Path


class EdgarSource(EdgarSettings):
    """Companies from EDGAR."""

    kind: Literal["edgar"]


Source = Annotated[GeneratedSource | FilesSource | EdgarSource, Field(discriminator="kind")]


class FiledSettings(Settings):
    """Only filings of the days from `first` to `last`; None leaves that side open."""

    first: date | None = None
    last: date | None = None

    def of(self, reading: Reading) -> Reading:
        """The reading with what was filed on those days alone."""
        if self.first is None and self.last is None:
            return reading
        first, last = self.first or date.min, self.last or date.max
        facts = [fact for fact in reading.facts if first <= fact.filed <= last]
        accessions = {fact.accession for fact in facts}
        planted = tuple(error for error in reading.planted if error.accession in accessions)
        return replace(reading, facts=facts, planted=planted)


class IngestSettings(Settings):
    """Which sources are read, in order, what of them, and what to do about an unreadable file."""

    sources: tuple[Source, ...]
    on_bad_file: Literal["stop", "set_aside"]
    filed: FiledSettings = FiledSettings()


@dataclass(slots=True)
class Ingested:
    """What an ingest read: counts, and all that was set aside with its reason."""

    companies: Counter[str] = field(default_factory=Counter)
    facts: int = 0
    repeated: int = 0
    planted: int = 0
    rows_aside: Counter[str] = field(default_factory=Counter)
    files_aside: dict[str, str] = field(default_factory=dict)


def ingest(settings: IngestSettings, path: Path) -> Ingested:
    """Read every source into a new store at `path`, which replaces what was there when whole.

    Raises:
        LedgerlineError: no source gave a company, or a file can't be read and the settings
            say to stop; what was at `path` stays.
    """
    if not settings.sources:
        raise LedgerlineError("ingest.sources is empty; name at least one source in params")
    result = Ingested()
    with _few_collections(), replacing_file(path) as temporary, Store.create(temporary) as store:
        for source in settings.sources:
            _read_source(source, settings, store, result)
    return result


def update(settings: EdgarSettings, where: Path | str) -> Ingested:
    """Add to a store what the companies of the settings filed since its newest filing of each.

    A company that is new to the store comes whole. What can't be read is set aside.

    Raises:
        EdgarUnreachableError: EDGAR can't be reached or refuses; what came before it is stored.
    """
    result = Ingested()
    with Store.open(where) as store:
        for found in read_edgar(settings, store.newest_filings()):
            if isinstance(found, Unreadable):
                result.files_aside[found.origin] = found.reason
                continue
            added = store.add(found.company, found.facts)
            result.companies[found.company.source] += 1
            result.facts += added.new
            result.repeated += added.repeated
            result.rows_aside.update(found.rows_aside)
    return result


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage in cycles seldom: facts make none, and looking took a third of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(_FACTS_A_COLLECTION, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _read_source(source: Source, settings: IngestSettings, store: Store, result: Ingested) -> None:
    place = str(source.folder) if isinstance(source, FilesSource) else source.kind
    seen: set[int] = set()
    planted: list[Planted] = []
    readings = _kept(_stream(source), settings, result)
    for batch in _batches(readings):
        added = store.add_many((reading.company, reading.facts) for reading in batch)
        result.facts += added.new
        result.repeated += added.repeated
        for reading in batch:
            result.rows_aside.update(reading.rows_aside)
            if reading.company.cik not in seen:
                seen.add(reading.company.cik)
                result.companies[reading.company.source] += 1
            planted += reading.planted
    if not seen:
        bad = "; ".join(f"{origin}: {why}" for origin, why in result.files_aside.items())
        empty = "it is empty"
        if settings.filed != FiledSettings():
            empty = "nothing in it was filed on the days of ingest.filed"
        raise LedgerlineError(f"{place}: no company could be read from it ({bad or empty})")
    if planted:
        result.planted += len(planted)
        with store.engine.begin() as connection:
            PLANTED.create(connection, checkfirst=True)
            connection.execute(
                insert(PLANTED),
                [PlantedRow.of(error).model_dump() for error in planted],
            )


def _batches(readings: Iterator[Reading]) -> Iterator[list[Reading]]:
    batch: list[Reading] = []
    for reading in readings:
        batch.append(reading)
        if sum(len(held.facts) for held in batch) >= _FACTS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _stream(source: Source) -> Iterator[Reading | Unreadable]:
    if isinstance(source, GeneratedSource):
        return read_generated(source)
    if isinstance(source, EdgarSource):
        return read_edgar(source)
    return read_folder(source.folder)


def _kept(
    stream: Iterator[Reading | Unreadable], settings: IngestSettings, result: Ingested
) -> Iterator[Reading]:
    for found in stream:
        if isinstance(found, Reading):
            reading = settings.filed.of(found)
            if reading.facts or not found.facts:
                yield reading
            continue
        if settings.on_bad_file == "stop":
            raise LedgerlineError(
                f"{found.origin}: {found.reason}; mend or remove it, or set "
                "ingest.on_bad_file to set_aside"
            )
        result.files_aside[found.origin] = found.reason
