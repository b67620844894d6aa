"""The gate on a database by URL: the same verdicts, suites and quarantine as on a file."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.store import Store
from ledgerline.quality.quarantine import read_quarantine, row_identity
from ledgerline.quality.reviews import Decision, Review
from ledgerline.quality.validation import ValidateSettings, validate
from tests.filings.conftest import postgres_server, postgres_url
from tests.quality.test_validation import review

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture
def wrong(facts: list[Fact]) -> list[Fact]:
    """The facts with two errors of a thousandfold, and assets that no power of ten mends."""
    spoilt = list(facts)
    for place in (100, 301):
        spoilt[place] = facts[place]._replace(value=facts[place].value * 1000)
    return [
        f._replace(value=f.value * 20) if f.tag == "Assets" and f.cik == facts[-1].cik else f
        for f in spoilt
    ]


@pytest.fixture
def raw_url(wrong: list[Fact], postgres_url: str) -> Iterator[str]:
    with Store.create(postgres_url) as store:
        for cik in sorted({fact.cik for fact in wrong}):
            store.add(Company(cik, f"Company {cik}"), [f for f in wrong if f.cik == cik])
    return postgres_url


@pytest.mark.slow
def test_a_database_holds_what_a_file_would(
    facts: list[Fact],
    wrong: list[Fact],
    raw_url: str,
    store_of: Callable[[list[Fact]], Path],
    settings: ValidateSettings,
    tmp_path: Path,
):
    decisions = [
        review(wrong[100], Decision.ACCEPT),
        review(wrong[301], Decision.CORRECT, facts[301].value),
    ]
    file = store_of(wrong)
    runs = (
        (file, tmp_path / "clean.sqlite"),
        (raw_url, tmp_path / "from_database.sqlite"),
        (file, raw_url),
    )
    on_file, from_database, into_database = (
        _validated(raw, clean, decisions, settings) for raw, clean in runs
    )
    assert on_file == from_database == into_database
    rows, count, failures = on_file
    assert [status for _, status, _ in rows] == ["accepted", "corrected"]
    assert count == len(facts)
    assert [(words[:38], broken) for words, broken in failures] == [
        ("Assets equal liabilities plus equity, ", 12)
    ]


def _validated(
    raw: Path | str, clean: Path | str, decisions: list[Review], settings: ValidateSettings
) -> tuple[list[tuple[str, str, str]], int, list[tuple[str, int]]]:
    """Quarantine, number of clean facts, and broken critical expectations."""
    summary = validate(raw, clean, decisions, settings, Catalogue.load()).summary
    with Store.open(clean, read_only=True) as store:
        rows = sorted(
            (str(row_identity(row)), row["status"], row["value"])
            for row in read_quarantine(store.engine)
        )
        corrected = store.frame(where="fact.corrected")["value_text"].tolist()
        count = store.count()
    assert [Decimal(text) for text in corrected] == [decisions[1].corrected]
    failures = [(f.expectation, f.count) for suite in summary.suites for f in suite.critical]
    return rows, count, failures
