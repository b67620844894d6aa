"""The stage's work: raw facts in; clean facts, a quarantine and a report out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.store import Store
from ledgerline.quality.board import Board, make_board
from ledgerline.quality.clean_store import Where, copied, url_of
from ledgerline.quality.drift import Accepted, DriftSettings, Ingest, drift
from ledgerline.quality.duplicates import read_duplicates
from ledgerline.quality.findings import Finding, scale_findings
from ledgerline.quality.gate import Subject, run_suites
from ledgerline.quality.gate_settings import GateSettings
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
from ledgerline.quality.summary import Summary
from ledgerline.quality.truth import planted_errors, score
from ledgerline.quality.units import UnitsSettings, sign_findings, unit_findings
from ledgerline.quality.weighing import DetectorSettings, weigh_facts
from ledgerline.settings import Settings

BY_REVIEWER = "objected to by a reviewer"


class ValidateSettings(Settings):
    """The section `validate` of params.yaml."""

    detectors: DetectorSettings
    units: UnitsSettings
    gate: GateSettings
    drift: DriftSettings


@dataclass(frozen=True)
class Validated:
    """What `validate` found. accepted: what to compare the next ingest with."""

    summary: Summary
    board: Board
    accepted: Accepted


def validate(
    raw: Where,
    clean: Where,
    reviews: Sequence[Review],
    settings: ValidateSettings,
    catalogue: Catalogue,
    docs: Path | None = None,
    report: str = "",
    accepted: Accepted = Accepted(),  # noqa: B008 - frozen
) -> Validated:
    """Find what is wrong in `raw`, write `clean` without it, and check both.

    `clean` is a whole store: the facts that may be used, and a table `quarantine` with the
    rest. `docs` becomes the Data Docs site, whose index links to `report`. A broken critical
    expectation is in the summary's suites; `gate.block` turns it into an error once the report
    is written. `accepted` is what the last run that passed left for this one to compare with.
    """
    with Store.open(raw, read_only=True) as store:
        board = make_board(read_facts(store.engine))
        findings = find(board, settings, catalogue)
        facts = stored_facts(store.engine, [int(board.fact_id[f.row]) for f in findings])
        reviewed = facts_named(store.engine, [review.fact for review in reviews])
        duplicates = read_duplicates(store.engine)
        planted = planted_errors(store.engine)
    found = {facts[int(board.fact_id[finding.row])]: finding for finding in findings}
    entries, unmatched = apply_reviews(found, reviewed, reviews)
    truth = None
    if planted:
        truth = score(planted, {fact.identity: f.factor for fact, f in found.items()})
    with copied(raw, clean) as connection:
        write_quarantine(connection, entries)
    ingest = Ingest.of(board, catalogue, date.today())
    suites = (
        *run_suites(
            _subjects(raw, clean, settings.gate, catalogue, len(board), bool(planted)),
            docs,
            report,
        ),
        drift(ingest, accepted.earlier_than(ingest), settings.drift),
    )
    summary = Summary(
        facts_in=len(board),
        companies=len(board.companies),
        entries=tuple(sorted(entries, key=lambda entry: -entry.confidence)),
        unmatched_reviews=unmatched,
        duplicates=duplicates,
        truth=truth,
        suites=suites,
    )
    return Validated(summary, board, accepted.then(ingest) if summary.fit else accepted)


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
    raw: Where,
    clean: Where,
    settings: GateSettings,
    catalogue: Catalogue,
    facts_in: int,
    planted: bool,
) -> list[Subject]:
    raw_url, clean_url = url_of(raw), url_of(clean)

    # The suites import Great Expectations, which takes seconds.
    def raw_suite() -> Any:
        from ledgerline.quality import suites

        return suites.raw_suite(settings, raw_url.startswith("sqlite"))

    def clean_suite() -> Any:
        from ledgerline.quality import suites

        sqlite = clean_url.startswith("sqlite")
        return suites.clean_suite(settings, catalogue, facts_in, planted, sqlite)

    return [Subject(raw_url, "fact", raw_suite), Subject(clean_url, "fact", clean_suite)]
