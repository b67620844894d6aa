"""The stage's work end to end, on a store whose errors are known."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Fact
from ledgerline.filings.store import Store
from ledgerline.quality.gate import block
from ledgerline.quality.quarantine import read_quarantine, row_identity
from ledgerline.quality.report import write_report
from ledgerline.quality.reviews import Decision, Identity, Review
from ledgerline.quality.summary import Summary, as_metrics
from ledgerline.quality.validation import ValidateSettings, validate

Write = Callable[[list[Fact]], Path]


def spoil(facts: list[Fact], places: list[int], factor: str) -> list[Fact]:
    spoilt = list(facts)
    for place in places:
        spoilt[place] = facts[place]._replace(value=facts[place].value * Decimal(factor))
    return spoilt


def identity(fact: Fact) -> Identity:
    start = fact.start.isoformat() if fact.start else ""
    tag = f"{fact.taxonomy}:{fact.tag}"
    return Identity(fact.cik, fact.accession, tag, fact.unit, start, fact.end.isoformat())


def run(
    raw: Path, settings: ValidateSettings, reviews: list[Review] | None = None
) -> tuple[Summary, Path]:
    clean = raw.parent / "clean" / "facts.sqlite"
    validated = validate(raw, clean, reviews or [], settings, Catalogue.load())
    return validated.summary, clean


def test_right_facts_all_pass(facts: list[Fact], store_of: Write, settings: ValidateSettings):
    summary, clean = run(store_of(facts), settings)
    assert summary.entries == ()
    assert summary.fit
    with Store.open(clean, read_only=True) as store:
        assert store.count() == len(facts)


@pytest.mark.parametrize("factor", ["1000", "0.001", "1000000"])
def test_a_fact_off_by_thousands_is_set_aside_and_can_be_mended(
    facts: list[Fact], store_of: Write, settings: ValidateSettings, factor: str
):
    places = [100, 301]
    raw = store_of(spoil(facts, places, factor))
    summary, clean = run(raw, settings)
    assert {entry.fact.identity for entry in summary.entries} == {
        identity(facts[place]) for place in places
    }
    assert {entry.suggested_value for entry in summary.entries} == {
        facts[place].value for place in places
    }
    with Store.open(clean, read_only=True) as store:
        rows = read_quarantine(store.engine)
        assert store.count() + len(rows) == len(facts)
    for row in rows:
        assert row["link"].startswith(f"https://www.sec.gov/Archives/edgar/data/{row['cik']}/")
        assert row["evidence"]
        assert row["confidence"] > 0.9


def test_every_amount_of_a_filing_is_set_aside(
    facts: list[Fact], store_of: Write, settings: ValidateSettings
):
    accession = facts[50].accession
    wrong = [
        n for n, f in enumerate(facts) if f.accession == accession and f.unit in ("USD", "shares")
    ]
    summary, _ = run(store_of(spoil(facts, wrong, "1000")), settings)
    assert {e.fact.identity for e in summary.entries} == {identity(facts[n]) for n in wrong}
    assert "whole filing off by a power of ten" in summary.reasons


def review(fact: Fact, decision: Decision, corrected: Decimal | None = None) -> Review:
    return Review(
        identity(fact), decision, format(fact.value, "f"), corrected, "ann", date(2026, 1, 2), "why"
    )


def test_decisions_are_applied_and_corrected_facts_say_so(
    facts: list[Fact], store_of: Write, settings: ValidateSettings
):
    spoilt = spoil(facts, [100, 301, 500], "1000")
    decisions = [
        review(spoilt[100], Decision.ACCEPT),
        review(spoilt[301], Decision.CORRECT, facts[301].value),
        review(spoilt[500], Decision.REJECT),
        review(facts[700], Decision.REJECT),
    ]
    summary, clean = run(store_of(spoilt), settings, decisions)
    assert summary.fit
    assert summary.unmatched_reviews == 0
    with Store.open(clean, read_only=True) as store:
        status = {row_identity(r): r["status"] for r in read_quarantine(store.engine)}
        corrected = store.frame(where="fact.corrected")
        assert store.count() == len(facts) - 2
    assert status == {
        identity(facts[100]): "accepted",
        identity(facts[301]): "corrected",
        identity(facts[500]): "rejected",
        identity(facts[700]): "rejected",
    }
    assert [Decimal(text) for text in corrected["value_text"]] == [facts[301].value]


def test_a_decision_on_another_value_does_not_count(
    facts: list[Fact], store_of: Write, settings: ValidateSettings
):
    stale = review(facts[100], Decision.ACCEPT)
    summary, _ = run(store_of(spoil(facts, [100], "1000")), settings, [stale])
    assert summary.unmatched_reviews == 1
    assert [entry.status for entry in summary.entries] == ["pending"]


def test_periods_that_run_backwards_are_set_aside(
    facts: list[Fact], store_of: Write, settings: ValidateSettings
):
    flow = next(n for n, fact in enumerate(facts) if fact.start)
    backwards = list(facts)
    backwards[flow] = facts[flow]._replace(start=facts[flow].end, end=facts[flow].start)
    summary, _ = run(store_of(backwards), settings)
    assert summary.reasons == {"period ends before it starts": 1}


def test_a_critical_failure_names_suite_expectation_rows_and_report(
    facts: list[Fact], store_of: Write, settings: ValidateSettings
):
    # Twenty times the right assets: no power of ten would mend them, yet they can't be used.
    assets = [n for n, f in enumerate(facts) if f.tag == "Assets" and f.cik == facts[0].cik]
    raw = store_of(spoil(facts, assets, "20"))
    reports = raw.parent / "reports"
    validated = validate(
        raw,
        raw.parent / "clean.sqlite",
        [],
        settings,
        Catalogue.load(),
        docs=reports / "data_docs",
        report="../data_quality.html",
    )
    report = reports / "data_quality.html"
    write_report(report, validated.summary, validated.board, "data_docs/index.html")
    assert not validated.summary.fit
    assert "Not fit to train on" in report.read_text()
    index = (reports / "data_docs" / "index.html").read_text()
    assert 'href="../data_quality.html#worst"' in index
    assert 'id="worst"' in report.read_text()
    with pytest.raises(LedgerlineError) as caught:
        block(validated.summary.suites, report)
    message = str(caught.value)
    assert "clean facts" in message
    assert "Assets equal liabilities plus equity" in message
    assert message.count(f"\n  cik={facts[0].cik}, accession=") == 3
    assert str(report) in message


IMPOSSIBLE = Fact(
    9, "0000000009-20-000001", "us-gaap", "Revenues", "USD", date(2019, 1, 1), date(2019, 12, 31),
    Decimal(10) ** 20, "10-K", date(2020, 2, 1),
)  # fmt: skip


def test_what_a_reviewer_accepts_passes_the_gate(
    facts: list[Fact], store_of: Write, settings: ValidateSettings
):
    insisted = [review(IMPOSSIBLE, Decision.ACCEPT)]
    summary, clean = run(store_of([*facts, IMPOSSIBLE]), settings, insisted)
    assert [entry.status for entry in summary.entries] == ["accepted"]
    assert summary.fit
    with Store.open(clean, read_only=True) as store:
        assert store.count() == len(facts) + 1


def test_a_correction_is_checked_like_any_value(
    facts: list[Fact], store_of: Write, settings: ValidateSettings
):
    mistyped = [review(IMPOSSIBLE, Decision.CORRECT, Decimal(10) ** 19)]
    summary, _ = run(store_of([*facts, IMPOSSIBLE]), settings, mistyped)
    (failure,) = [failure for suite in summary.suites for failure in suite.critical]
    assert "amount of money" in failure.expectation
    assert [row["cik"] for row in failure.examples] == [9]


def test_a_warning_does_not_block(facts: list[Fact], store_of: Write, settings: ValidateSettings):
    early = list(facts)
    early[5] = facts[5]._replace(end=date(2030, 12, 31))
    summary, _ = run(store_of(early), settings)
    assert [f.expectation for suite in summary.suites for f in suite.warnings]
    block(summary.suites, "report")


def test_metrics_are_plain_json(facts: list[Fact], store_of: Write, settings: ValidateSettings):
    summary, _ = run(store_of(spoil(facts, [100], "1000")), settings)
    metrics = as_metrics(summary)
    assert metrics["facts_in"] == len(facts)
    assert metrics["accepted"] + metrics["set_aside"] == len(facts)
    assert metrics["worst"][0]["suggested_value"] == format(facts[100].value.normalize(), "f")
