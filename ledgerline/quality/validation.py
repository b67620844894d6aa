"""The stage's work: raw facts in; clean facts, a quarantine and a report out."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from ledgerline import durable
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.store import Store
from ledgerline.quality.board import Board, make_board
from ledgerline.quality.findings import Finding, scale_findings
from ledgerline.quality.gate import Subject, run_suites
from ledgerline.quality.gate_settings import GateSettings
from ledgerline.quality.outcome import SuiteResult
from ledgerline.quality.quarantine import (
    Entry,
    StoredFact,
    facts_named,
    stored_facts,
    write_quarantine,
)
from ledgerline.quality.reading import read_facts
from ledgerline.quality.reviews import Decision, Identity, Review
from ledgerline.quality.structure import size_findings, structure_findings
from ledgerline.quality.truth import Score, planted_errors, score
from ledgerline.quality.units import UnitsSettings, sign_findings, unit_findings
from ledgerline.quality.weighing import DetectorSettings, weigh_facts
from ledgerline.settings import Settings

BY_REVIEWER = "objected to by a reviewer"


class ValidateSettings(Settings):
    """The section `validate` of params.yaml."""

    detectors: DetectorSettings
    units: UnitsSettings
    gate: GateSettings


@dataclass(frozen=True)
class Summary:
    """What a run found. entries: the whole quarantine, surest first."""

    facts_in: int
    companies: int
    entries: tuple[Entry, ...]
    unmatched_reviews: int
    truth: Score | None
    suites: tuple[SuiteResult, ...]

    @property
    def set_aside(self) -> int:
        """Facts in quarantine that the clean store doesn't hold."""
        return sum(not entry.used for entry in self.entries)

    @property
    def accepted(self) -> int:
        """Facts in the clean store."""
        return self.facts_in - self.set_aside

    @property
    def reasons(self) -> dict[str, int]:
        """Facts set aside by reason, most frequent first."""
        counts = Counter(entry.reason for entry in self.entries if not entry.used)
        return dict(counts.most_common())

    @property
    def fit(self) -> bool:
        """Whether the clean facts may be trained on: no critical expectation is broken."""
        return not any(suite.critical for suite in self.suites)

    def worst(self, count: int = 10) -> list[Entry]:
        """The entries furthest off, surest first among equals; one per company and metric."""
        seen: set[tuple[int, str]] = set()
        worst = []
        for entry in sorted(self.entries, key=lambda e: (-_magnitude(e), -e.confidence)):
            key = (entry.fact.identity.cik, entry.fact.identity.tag)
            if key not in seen and not entry.used:
                seen.add(key)
                worst.append(entry)
        return worst[:count]


def validate(
    raw: Path,
    clean: Path,
    reviews: Sequence[Review],
    settings: ValidateSettings,
    catalogue: Catalogue,
    docs: Path | None = None,
) -> tuple[Summary, Board]:
    """Find what is wrong in `raw`, write `clean` without it, and check both.

    `clean` is a whole store: the facts that may be used, and a table `quarantine` with the
    rest. `docs` becomes the Data Docs site. A broken critical expectation is in the summary's
    suites; `gate.block` turns it into an error once the report is written.
    """
    with Store.open(raw, read_only=True) as store:
        board = make_board(read_facts(store.engine))
        findings = find(board, settings, catalogue)
        facts = stored_facts(store.engine, [int(board.fact_id[f.row]) for f in findings])
        reviewed = facts_named(store.engine, [review.fact for review in reviews])
        planted = planted_errors(store.engine)
    found = {facts[int(board.fact_id[finding.row])]: finding for finding in findings}
    entries, unmatched = apply_reviews(found, reviewed, reviews)
    truth = None
    if planted:
        truth = score(planted, {fact.identity: f.factor for fact, f in found.items()})
    with durable.replacing_file(clean) as temporary:
        shutil.copyfile(raw, temporary)
        with Store.open(temporary) as store:
            write_quarantine(store.engine, entries)
    suites = run_suites(_subjects(raw, clean, settings.gate, catalogue, len(board)), docs)
    summary = Summary(
        facts_in=len(board),
        companies=len(board.companies),
        entries=tuple(sorted(entries, key=lambda entry: -entry.confidence)),
        unmatched_reviews=unmatched,
        truth=truth,
        suites=tuple(suites),
    )
    return summary, board


def find(board: Board, settings: ValidateSettings, catalogue: Catalogue) -> list[Finding]:
    """Every finding on a board, at most one a row: the first that applies.

    What can't be read comes first, then units, since sizes in different units don't compare;
    then powers of ten, then sizes that nothing explains, then signs.
    """
    found = {finding.row: finding for finding in structure_findings(board)}
    for finding in unit_findings(board, settings.units):
        found.setdefault(finding.row, finding)
    sound = np.isfinite(board.value)
    sound[list(found)] = False
    for finding in scale_findings(board, weigh_facts(board, sound, settings.detectors)):
        found.setdefault(finding.row, finding)
    for finding in size_findings(board, catalogue, settings.gate.largest):
        found.setdefault(finding.row, finding)
    sound[list(found)] = False
    for finding in sign_findings(board, sound, settings.units):
        found.setdefault(finding.row, finding)
    return list(found.values())


def as_metrics(summary: Summary) -> dict[str, Any]:
    """The summary for DVC, MLflow and Prefect: flat counts first, then the worst cases."""
    truth = summary.truth
    return {
        "fit": summary.fit,
        "facts_in": summary.facts_in,
        "companies": summary.companies,
        "accepted": summary.accepted,
        "set_aside": summary.set_aside,
        "reviewed": sum(entry.review is not None for entry in summary.entries),
        "unmatched_reviews": summary.unmatched_reviews,
        "reasons": summary.reasons,
        "planted": None
        if truth is None
        else {
            "errors": truth.planted,
            "recall": round(truth.recall, 4),
            "precision": round(truth.precision, 4),
            "right_factor": round(truth.mended / truth.caught, 4) if truth.caught else 1.0,
        },
        "suites": {
            suite.suite: {
                "expectations": suite.expectations,
                "critical_failures": len(suite.critical),
                "warnings": len(suite.warnings),
            }
            for suite in summary.suites
        },
        "worst": [
            {
                "fact": str(entry.fact.identity),
                "company": entry.fact.company,
                "value": entry.fact.value,
                "suggested_value": _text(entry.suggested_value),
                "reason": entry.reason,
                "confidence": round(entry.confidence, 4),
                "link": entry.link,
            }
            for entry in summary.worst()
        ],
    }


def apply_reviews(
    found: Mapping[StoredFact, Finding],
    reviewed: Mapping[Identity, StoredFact],
    reviews: Sequence[Review],
) -> tuple[list[Entry], int]:
    """Quarantine entries with the decisions on them, and how many decisions met no fact.

    A decision counts only for the value that the reviewer saw: where a new ingest brings
    another value, the fact is judged afresh. Facts that only a reviewer objects to are
    entries too.
    """
    by_fact = {review.fact: review for review in reviews}
    applied: set[Identity] = set()
    entries = []
    for fact, finding in found.items():
        review = by_fact.get(fact.identity)
        if review is not None and Decimal(review.value) == Decimal(fact.value):
            applied.add(fact.identity)
        else:
            review = None
        entries.append(
            Entry(
                fact, finding.reason, finding.confidence, finding.factor, finding.evidence, review
            )
        )
    known = {fact.identity for fact in found}
    for review in reviews:
        named = reviewed.get(review.fact)
        if review.fact in known or named is None:
            continue
        if Decimal(review.value) == Decimal(named.value):
            applied.add(review.fact)
            if review.decision is not Decision.ACCEPT:
                entries.append(Entry(named, BY_REVIEWER, 1.0, None, (), review))
    return entries, len(by_fact.keys() - applied)


def _subjects(
    raw: Path, clean: Path, settings: GateSettings, catalogue: Catalogue, facts_in: int
) -> list[Subject]:
    def raw_suite() -> Any:
        from ledgerline.quality import suites

        return suites.raw_suite(settings, sqlite=True)

    def clean_suite() -> Any:
        from ledgerline.quality import suites

        return suites.clean_suite(settings, catalogue, facts_in, sqlite=True)

    return [
        Subject(f"sqlite:///{raw.resolve()}", "fact", raw_suite),
        Subject(f"sqlite:///{clean.resolve()}", "fact", clean_suite),
    ]


def _magnitude(entry: Entry) -> float:
    return abs(entry.factor.adjusted()) if entry.factor is not None else 0.0


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value.normalize(), "f")
