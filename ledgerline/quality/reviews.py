"""Reviewers' decisions on quarantined facts, in a file under version control."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from ledgerline import durable
from ledgerline.errors import LedgerlineError


class Decision(StrEnum):
    """accept: the value is right; correct: use another value; reject: never use the fact."""

    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What names a fact across ingests: never a row number. Dates as YYYY-MM-DD; "" no start."""

    cik: int
    accession: str
    tag: str
    unit: str
    start: str
    end: str

    def __str__(self) -> str:
        parts = (self.cik, self.accession, self.tag, self.unit, self.start, self.end)
        return "|".join(str(part) for part in parts)

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """The inverse of `str`."""
        parts = text.split("|")
        if len(parts) != 6 or not parts[0].isdigit():
            raise LedgerlineError(
                f"{text!r} is no fact: expected CIK|ACCESSION|TAXONOMY:TAG|UNIT|START|END, "
                "as `ledgerline quarantine list` prints it"
            )
        return cls(int(parts[0]), *parts[1:])


@dataclass(frozen=True, slots=True)
class Review:
    """One decision. value: what the reviewer saw; corrected: what to use instead."""

    fact: Identity
    decision: Decision
    value: str
    corrected: Decimal | None
    reviewer: str
    decided: date
    note: str = ""


_HEAD = """\
# Reviewers' decisions on quarantined facts. `ledgerline quarantine accept|correct|reject` writes
# them, `git` keeps who and when, and every run of the validate stage applies them. A decision
# counts for a fact as long as the filing still gives the value that the reviewer saw.
"""


def read_reviews(path: Path) -> list[Review]:
    """The decisions in `path`; none when there is no such file.

    Raises:
        LedgerlineError: an entry can't be read; names it.
    """
    if not path.exists():
        return []
    try:
        entries = yaml.safe_load(path.read_text()) or []
    except yaml.YAMLError as error:
        raise LedgerlineError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(entries, list):
        raise LedgerlineError(f"{path}: expected a list of decisions")
    return [_review(path, number, entry) for number, entry in enumerate(entries, 1)]


def write_reviews(path: Path, reviews: Iterable[Review]) -> None:
    """Write `reviews` to `path`, sorted by fact, so that a diff shows one decision a hunk."""
    entries = [
        {
            "fact": str(review.fact),
            "value": review.value,
            "decision": review.decision.value,
            **({"corrected": str(review.corrected)} if review.corrected is not None else {}),
            "reviewer": review.reviewer,
            "decided": review.decided,
            **({"note": review.note} if review.note else {}),
        }
        for review in sorted(reviews, key=lambda review: review.fact)
    ]
    body = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)
    durable.write_text(path, _HEAD + (body if entries else "[]\n"))


def decide(reviews: Iterable[Review], new: Review) -> list[Review]:
    """`reviews` with `new` in place of an earlier decision on the same fact."""
    return [review for review in reviews if review.fact != new.fact] + [replace(new)]


def _review(path: Path, number: int, entry: Any) -> Review:
    try:
        corrected = entry.get("corrected")
        review = Review(
            fact=Identity.parse(entry["fact"]),
            decision=Decision(entry["decision"]),
            value=str(entry["value"]),
            corrected=None if corrected is None else Decimal(str(corrected)),
            reviewer=str(entry.get("reviewer", "")),
            decided=date.fromisoformat(str(entry["decided"])),
            note=str(entry.get("note", "")),
        )
    except (KeyError, ValueError, AttributeError, InvalidOperation) as error:
        raise LedgerlineError(f"{path}, decision {number}: cannot be read ({error!r})") from None
    if (review.decision is Decision.CORRECT) != (review.corrected is not None):
        raise LedgerlineError(
            f"{path}, decision {number}: `corrected` goes with the decision `correct`, and only so"
        )
    return review
