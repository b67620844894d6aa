"""The quarantine: a table in the clean store, holding every fact that was set aside."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    text,
)

from ledgerline.quality.evidence import Evidence
from ledgerline.quality.reviews import Decision, Identity, Review

_metadata = MetaData()
TABLE = Table(
    "quarantine",
    _metadata,
    Column("fact_id", Integer, primary_key=True),
    Column("cik", Integer, nullable=False),
    Column("company", String, nullable=False),
    Column("accession", String, nullable=False),
    Column("form", String, nullable=False),
    Column("filed", String, nullable=False),
    Column("tag", String, nullable=False),
    Column("unit", String, nullable=False),
    Column("start", String),
    Column("end", String, nullable=False),
    Column("value", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("suggested_factor", String),
    Column("suggested_value", String),
    Column("evidence", String, nullable=False),
    Column("link", String, nullable=False),
    Column("status", String, nullable=False),
    Column("used", Boolean, nullable=False),
    Column("reviewer", String, nullable=False, server_default=""),
    Column("note", String, nullable=False, server_default=""),
)
STATUS = {
    None: "pending",
    Decision.ACCEPT: "accepted",
    Decision.CORRECT: "corrected",
    Decision.REJECT: "rejected",
}


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact as the store spells it, with all that a reader of the quarantine needs."""

    fact_id: int
    company: str
    form: str
    filed: str
    identity: Identity
    value: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact in quarantine. Facts are never changed in place and never dropped.

    `used` says whether the clean store holds the fact (accepted or corrected by a reviewer).
    """

    fact: StoredFact
    reason: str
    confidence: float
    factor: Decimal | None
    evidence: tuple[Evidence, ...]
    review: Review | None = None

    @property
    def used(self) -> bool:
        return self.review is not None and self.review.decision is not Decision.REJECT

    @property
    def status(self) -> str:
        """pending, accepted, corrected or rejected."""
        return STATUS[self.review.decision if self.review else None]

    @property
    def suggested_value(self) -> Decimal | None:
        """The value with the suggested factor, None where no factor would mend it."""
        return None if self.factor is None else Decimal(self.fact.value) * self.factor

    @property
    def link(self) -> str:
        return filing_link(self.fact.identity)

    def as_row(self) -> dict[str, Any]:
        """The entry as a row of the table."""
        identity, suggested = self.fact.identity, self.suggested_value
        return {
            "fact_id": self.fact.fact_id,
            "cik": identity.cik,
            "company": self.fact.company,
            "accession": identity.accession,
            "form": self.fact.form,
            "filed": self.fact.filed,
            "tag": identity.tag,
            "unit": identity.unit,
            "start": identity.start or None,
            "end": identity.end,
            "value": self.fact.value,
            "reason": self.reason,
            "confidence": self.confidence,
            "suggested_factor": None if self.factor is None else format(self.factor, "f"),
            "suggested_value": None if suggested is None else format(suggested.normalize(), "f"),
            "evidence": json.dumps([e.as_json() for e in self.evidence], ensure_ascii=False),
            "link": self.link,
            "status": self.status,
            "used": self.used,
            "reviewer": self.review.reviewer if self.review else "",
            "note": self.review.note if self.review else "",
        }


def filing_link(fact: Identity) -> str:
    """Where EDGAR keeps the filing."""
    folder = fact.accession.replace("-", "")
    return f"https://www.sec.gov/Archives/edgar/data/{fact.cik}/{folder}/"


_STORED = (
    "SELECT fact.id, company.name, filing.form, filing.filed, filing.cik, filing.accession, "
    'concept.taxonomy, concept.tag, fact.unit, fact.start, fact."end", fact.value '
    "FROM fact JOIN filing ON filing.id = fact.filing_id "
    "JOIN concept ON concept.id = fact.concept_id JOIN company ON company.cik = filing.cik "
)


def stored_facts(engine: Engine, fact_ids: Sequence[int]) -> dict[int, StoredFact]:
    """Facts by id, with exact values."""
    facts = {}
    with engine.connect() as connection:
        for first in range(0, len(fact_ids), 500):
            listed = ",".join(str(int(fact_id)) for fact_id in fact_ids[first : first + 500])
            for row in connection.execute(text(f"{_STORED} WHERE fact.id IN ({listed})")):
                facts[row[0]] = _stored(row)
    return facts


def facts_named(engine: Engine, identities: Iterable[Identity]) -> dict[Identity, StoredFact]:
    """The facts that `identities` name, as far as the store holds them."""
    facts = {}
    query = text(
        f"{_STORED} WHERE filing.cik = :cik AND filing.accession = :accession "
        "AND concept.tag = :tag AND fact.unit = :unit"
    )
    with engine.connect() as connection:
        for identity in identities:
            bound = {
                "cik": identity.cik,
                "accession": identity.accession,
                "tag": identity.tag.rpartition(":")[2],
                "unit": identity.unit,
            }
            for row in connection.execute(query, bound):
                stored = _stored(row)
                if stored.identity == identity:
                    facts[identity] = stored
    return facts


def _stored(row: Any) -> StoredFact:
    identity = Identity(
        row[4], row[5], f"{row[6]}:{row[7]}", row[8], str(row[9] or ""), str(row[10])
    )
    return StoredFact(row[0], row[1], row[2], str(row[3]), identity, row[11])


def write_quarantine(connection: Connection, entries: Sequence[Entry]) -> None:
    """Move `entries` out of the store's facts into its quarantine table.

    Facts that a reviewer accepted stay; those that one corrected carry the corrected value
    and say so (`fact.corrected`).
    """
    _metadata.drop_all(connection)
    _metadata.create_all(connection)
    if not entries:
        return
    connection.execute(TABLE.insert(), [entry.as_row() for entry in entries])
    gone = [{"id": entry.fact.fact_id} for entry in entries if not entry.used]
    if gone:
        connection.execute(text("DELETE FROM fact WHERE id = :id"), gone)
    mended = [
        {
            "id": entry.fact.fact_id,
            "value": format(entry.review.corrected, "f"),
            "approx": float(entry.review.corrected),
        }
        for entry in entries
        if entry.review is not None and entry.review.corrected is not None
    ]
    if mended:
        connection.execute(_MEND, mended)


_MEND = text("UPDATE fact SET value = :value, approx = :approx, corrected = true WHERE id = :id")


def read_quarantine(engine: Engine) -> list[dict[str, Any]]:
    """All rows of the quarantine, most confident first; evidence as a list."""
    with engine.connect() as connection:
        rows = connection.execute(TABLE.select().order_by(TABLE.c.confidence.desc())).mappings()
        return [{**row, "evidence": json.loads(row["evidence"])} for row in rows]


def row_identity(row: Mapping[str, Any]) -> Identity:
    """The identity of a row of the quarantine."""
    return Identity(
        row["cik"], row["accession"], row["tag"], row["unit"], row["start"] or "", row["end"]
    )
