"""An ingest that differs from the last accepted one is reported, and never blocks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Fact
from ledgerline.quality.drift import Accepted, Ingest, drift, read_accepted, write_accepted
from ledgerline.quality.validation import ValidateSettings, validate

LAST = Ingest(
    day=date(2024, 3, 1),
    facts=10_000,
    filings=400,
    companies=50,
    newest=date(2024, 2, 20),
    tags={"us-gaap:Assets": 800, "us-gaap:Goodwill": 300, "us-gaap:Depreciation": 40},
    units={"USD": 900, "shares": 240},
)
NEXT = replace(LAST, day=date(2024, 6, 1), facts=10_400, newest=date(2024, 5, 20))


def said(now: Ingest, settings: ValidateSettings) -> list[str]:
    result = drift(now, LAST, settings.drift)
    assert result.critical == ()
    return [f"{failure.expectation} {failure.examples}" for failure in result.warnings]


def test_the_next_quarter_is_no_drift(settings: ValidateSettings):
    assert said(NEXT, settings) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"facts": 5_000}, "'what': 'facts', 'last': 10000, 'now': 5000"),
        ({"companies": 20}, "'what': 'companies', 'last': 50, 'now': 20"),
        ({"filings": 2_000}, "'what': 'filings', 'last': 400, 'now': 2000"),
        ({"newest": date(2023, 11, 20)}, "newest filing is no older"),
        ({"newest": LAST.newest, "day": LAST.day + timedelta(days=200)}, "newer after 120 days"),
        ({"tags": {"us-gaap:Assets": 800}}, "'tag': 'us-gaap:Goodwill', 'last': 300, 'now': 0"),
        ({"units": {"USD": 900, "shares": 240, "EUR": 500}}, "'unit': 'EUR', 'last': 0"),
        ({"units": {"USD": 900}}, "'unit': 'shares', 'last': 240, 'now': 0"),
    ],
)
def test_each_drift_is_one_warning_that_gives_both_figures(
    settings: ValidateSettings, changes: dict, words: str
):
    (warning,) = said(replace(NEXT, **changes), settings)
    assert words in warning


def test_an_ingest_validated_again_is_compared_with_the_one_before():
    once = Accepted().then(LAST).then(NEXT)
    again = once.then(replace(NEXT, day=date(2024, 6, 9)))
    assert again == once
    assert again.earlier_than(replace(NEXT, day=date(2024, 6, 9))) == LAST
    assert Accepted().earlier_than(LAST) is None


def test_the_state_reads_back(tmp_path: Path):
    path = tmp_path / "accepted.json"
    assert read_accepted(path) == Accepted()
    for accepted in (Accepted().then(LAST), Accepted().then(LAST).then(NEXT)):
        write_accepted(path, accepted)
        assert read_accepted(path) == accepted
    path.write_text("{}")
    with pytest.raises(LedgerlineError, match=r"accepted\.json"):
        read_accepted(path)


def test_only_an_ingest_that_passes_the_gate_becomes_the_last_accepted(
    facts: list[Fact], store_of: Callable[[list[Fact]], Path], settings: ValidateSettings
):
    raw, last = store_of(facts), Accepted().then(LAST)
    demanding = settings.model_copy(
        update={"gate": settings.gate.model_copy(update={"least_facts": len(facts) + 1})}
    )
    for chosen, fit in ((demanding, False), (settings, True)):
        clean = raw.parent / "clean.sqlite"
        outcome = validate(raw, clean, [], chosen, Catalogue.load(), accepted=last)
        assert outcome.summary.fit is fit
        warned = [w.expectation for suite in outcome.summary.suites for w in suite.warnings]
        assert any("times as many as last time" in words for words in warned)
        assert (outcome.accepted != last) is fit
    assert outcome.accepted.last is not None
    assert outcome.accepted.last.facts == len(facts)
    assert outcome.accepted.last.units.keys() == {"USD", "USD/shares", "shares"}
