"""Decisions: made by command, kept in a file, applied by the next run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledgerline.errors import LedgerlineError
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.duplicates import ROUNDED
from ledgerline.filings.facts import Fact
from ledgerline.filings.store import Store
from ledgerline.quality.cli import app
from ledgerline.quality.report import write_report
from ledgerline.quality.reviews import Decision, Identity, read_reviews
from ledgerline.quality.summary import as_metrics
from ledgerline.quality.validation import ValidateSettings, validate

WIDE = {"USER": "ann", "COLUMNS": "300"}


@pytest.fixture
def run(
    facts: list[Fact], store_of: Callable[[list[Fact]], Path], settings: ValidateSettings
) -> Callable[..., str]:
    """A store with one wrong fact in quarantine, and the commands on it."""
    spoilt = list(facts)
    spoilt[100] = facts[100]._replace(value=facts[100].value * 1000)
    raw = store_of(spoilt)
    clean, reviews = raw.parent / "clean.sqlite", raw.parent / "reviews.yaml"

    def command(*words: str) -> str:
        validate(raw, clean, read_reviews(reviews), settings, Catalogue.load())
        files = ["--store", str(clean)]
        files += [] if words[0] in ("list", "show") else ["--reviews", str(reviews)]
        result = CliRunner().invoke(app, [*words, *files], env=WIDE)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return command


def test_a_correction_is_kept_and_applied_by_the_next_run(
    run: Callable[..., str], facts: list[Fact], tmp_path: Path
):
    assert "1 of 1" in run("list")
    assert "https://www.sec.gov/Archives/" in run("show", facts[100].accession)
    run("correct", facts[100].accession, "--note", "the HTML says thousands")
    (review,) = read_reviews(tmp_path / "reviews.yaml")
    assert review.decision is Decision.CORRECT
    assert review.corrected == facts[100].value
    assert review.reviewer == "ann"
    shown = run("show", facts[100].accession)
    assert "corrected by ann: the HTML says thousands" in shown
    assert "0 of 0" in run("list", "--status", "pending")


def test_a_value_left_out_for_a_more_precise_one_is_listed_with_the_reason(
    facts: list[Fact], store_of: Callable[[list[Fact]], Path], settings: ValidateSettings
):
    rounded = facts[100]._replace(value=round(facts[100].value, -7))
    raw = store_of([rounded, *facts])
    clean, report = raw.parent / "clean.sqlite", raw.parent / "report.html"
    validated = validate(raw, clean, [], settings, Catalogue.load())
    assert as_metrics(validated.summary)["duplicates"] == {ROUNDED: 1}
    write_report(report, validated.summary, validated.board, "data_docs/index.html")
    output = CliRunner().invoke(app, ["duplicates", "--store", str(clean)], env=WIDE).output
    with Store.open(clean, read_only=True) as store:
        assert store.count() == len(facts)
    for page in (output, report.read_text()):
        assert f"{facts[100].value:,f}" in page
        assert f"{rounded.value:,f}" in page
        assert ROUNDED in page


def test_a_later_decision_replaces_an_earlier_one(
    run: Callable[..., str], facts: list[Fact], tmp_path: Path
):
    run("reject", facts[100].accession)
    run("accept", facts[100].accession)
    assert [r.decision for r in read_reviews(tmp_path / "reviews.yaml")] == [Decision.ACCEPT]


def test_unknown_facts_and_values_are_named(run: Callable[..., str], facts: list[Fact]):
    with pytest.raises(LedgerlineError, match="not in quarantine"):
        run("accept", "0000000000-00-000000")
    with pytest.raises(LedgerlineError, match="not a number"):
        run("correct", facts[100].accession, "--value", "lots")


@pytest.mark.parametrize(
    "entry",
    ["- {fact: nonsense, decision: accept, value: 1, decided: 2026-01-01}",
     "- {fact: '1|a|t|USD||2020-12-31', decision: correct, value: 1, decided: 2026-01-01}",
     "- {fact: '1|a|t|USD||2020-12-31', decision: maybe, value: 1, decided: 2026-01-01}"],
)  # fmt: skip
def test_a_broken_decision_is_named(tmp_path: Path, entry: str):
    path = tmp_path / "reviews.yaml"
    path.write_text(entry)
    with pytest.raises(LedgerlineError):
        read_reviews(path)


def test_an_identity_reads_back():
    identity = Identity(1, "0000000001-20-000001", "us-gaap:Assets", "USD", "", "2020-12-31")
    assert Identity.parse(str(identity)) == identity
