"""How an ingest differs from the last accepted one: volume, freshness and schema."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ledgerline import durable
from ledgerline.errors import LedgerlineError
from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality.board import Board
from ledgerline.quality.outcome import Failure, SuiteResult
from ledgerline.settings import Settings

SUITE = "against the last accepted ingest"
_EPOCH = date(1970, 1, 1)


class DriftSettings(Settings):
    """least, most: facts, filings or companies now, per one of the last ingest
    stale_days: days after which an ingest should have brought a newer filing
    facts: how many make a tag's decline, or a unit's coming and going, worth a word
    tag_share: how much of its share of all facts a tag must keep
    """

    least: float
    most: float
    stale_days: int
    facts: int
    tag_share: float


@dataclass(frozen=True)
class Ingest:
    """What an ingest brought. day: when it was first validated; newest: its last filing's date;
    tags, units: facts of each tag of the catalogue, and of each unit that these come in."""

    day: date
    facts: int
    filings: int
    companies: int
    newest: date
    tags: dict[str, int]
    units: dict[str, int]

    @classmethod
    def of(cls, board: Board, catalogue: Catalogue, day: date) -> "Ingest":
        """The profile of all facts on a board."""
        catalogued = {tag for metric in catalogue.metrics for tag in metric.tags}
        known = np.array([name in catalogued for name in board.metrics], bool)[board.metric]
        tags = np.bincount(board.metric[known], minlength=len(board.metrics))
        units = np.bincount(board.unit[known], minlength=len(board.units))
        return cls(
            day=day,
            facts=len(board),
            filings=len(board.filings),
            companies=len(board.companies),
            newest=_EPOCH + timedelta(days=int(board.filed.max(initial=0))),
            tags=_counted(board.metrics, tags),
            units=_counted(board.units, units),
        )

    def same_content(self, other: "Ingest") -> bool:
        """Whether both may be the same ingest, validated twice."""
        return {**vars(self), "day": None} == {**vars(other), "day": None}


@dataclass(frozen=True)
class Accepted:
    """The last ingest that passed the gate, and the one before it."""

    last: Ingest | None = None
    before: Ingest | None = None

    def earlier_than(self, now: Ingest) -> Ingest | None:
        """What `now` is to be compared with: never with itself, validated once more."""
        return self.before if self.last is not None and self.last.same_content(now) else self.last

    def then(self, now: Ingest) -> "Accepted":
        """The state once `now` has passed the gate."""
        if self.last is not None and self.last.same_content(now):
            return self
        return Accepted(now, self.last)


def read_accepted(path: Path) -> Accepted:
    """The state that `write_accepted` left; an empty one where there is none.

    Raises:
        LedgerlineError: the file can't be read.
    """
    if not path.is_file():
        return Accepted()
    try:
        stored = json.loads(path.read_text())
        return Accepted(_ingest(stored["last"]), _ingest(stored["before"]))
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerlineError(
            f"{path}: not a record of accepted ingests ({error!r}); restore it, or remove it to "
            "start anew"
        ) from None


def write_accepted(path: Path, accepted: Accepted) -> None:
    """Keep the state durably."""
    content = json.dumps(asdict(accepted), indent=1, default=date.isoformat)
    durable.write_text(path, content + "\n")


def drift(now: Ingest, before: Ingest | None, settings: DriftSettings) -> SuiteResult:
    """What changed more between two ingests than filings usually do: warnings, never more."""
    if before is None:
        return SuiteResult(SUITE, 0, ())
    checks = (
        (
            f"Facts, filings and companies are {settings.least:g} to {settings.most:g} times "
            "as many as last time.",
            list(_volume(now, before, settings)),
        ),
        (
            "The newest filing is no older than last time's, and newer after "
            f"{settings.stale_days} days.",
            list(_freshness(now, before, settings)),
        ),
        (
            f"Every tag that had {settings.facts} facts or more keeps at least "
            f"{settings.tag_share:.0%} of its share of all facts.",
            list(_tags(now, before, settings)),
        ),
        (
            f"No unit of {settings.facts} facts or more appears or disappears.",
            list(_units(now, before, settings)),
        ),
    )
    failures = tuple(
        Failure(SUITE, words, False, len(rows), tuple(rows[:3])) for words, rows in checks if rows
    )
    return SuiteResult(SUITE, len(checks), failures)


Rows = Iterator[dict[str, Any]]


def _volume(now: Ingest, before: Ingest, settings: DriftSettings) -> Rows:
    for what in ("facts", "filings", "companies"):
        count, last = getattr(now, what), getattr(before, what)
        if not settings.least * last <= count <= settings.most * last:
            yield {"what": what, "last": last, "now": count}


def _freshness(now: Ingest, before: Ingest, settings: DriftSettings) -> Rows:
    waited = (now.day - before.day).days
    if now.newest < before.newest or (now.newest == before.newest and waited > settings.stale_days):
        yield {"last": before.newest, "now": now.newest, "days since": waited}


def _tags(now: Ingest, before: Ingest, settings: DriftSettings) -> Rows:
    for tag, last in before.tags.items():
        count = now.tags.get(tag, 0)
        if (
            last >= settings.facts
            and count / max(now.facts, 1) < settings.tag_share * last / before.facts
        ):
            yield {"tag": tag, "last": last, "now": count}


def _units(now: Ingest, before: Ingest, settings: DriftSettings) -> Rows:
    for unit in sorted(now.units.keys() ^ before.units.keys()):
        last, count = before.units.get(unit, 0), now.units.get(unit, 0)
        if last + count >= settings.facts:
            yield {"unit": unit, "last": last, "now": count}


def _counted(names: Sequence[str], counts: npt.NDArray[np.integer]) -> dict[str, int]:
    listed = zip(names, counts.tolist(), strict=True)
    return {name: count for name, count in sorted(listed) if count}


def _ingest(stored: dict[str, Any] | None) -> Ingest | None:
    if stored is None:
        return None
    days = {name: date.fromisoformat(stored[name]) for name in ("day", "newest")}
    return Ingest(**{**stored, **days})
