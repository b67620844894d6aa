"""What search keeps of what it read."""

import tracemalloc
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from ledgerline.filings.generated import GeneratedSettings
from ledgerline.filings.search import Hit, Search
from ledgerline.filings.sources import read_generated
from ledgerline.filings.store import Store
from tests.filings.conftest import UNIVERSE


def test_memory_stays_bounded(universe_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, periods = ("revenue", "gross margin", "free cash flow"), ("FY2022", "Q4 2021")

    def asked(store: Store) -> tuple[list[Decimal], int]:
        """What is found for every company, and the bytes that a search holds after that."""
        tracemalloc.start()
        search = Search(store)
        calls = product((company.name for company in search.companies.values()), metrics, periods)
        answers = [search(*call) for call in calls]
        values = [answer.figure.value for answer in answers if isinstance(answer, Hit)]
        del answers
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return values, size

    with Store.open(universe_store, read_only=True) as store:
        everything, much = asked(store)
        monkeypatch.setattr("ledgerline.filings.statements._SERIES_KEPT", 30)
        monkeypatch.setattr("ledgerline.filings.statements._FILERS_KEPT", 5)
        monkeypatch.setattr("ledgerline.filings.search._REMEMBERED", 50)
        same, little = asked(store)
    assert len(everything) > 150
    assert same == everything
    assert little < much / 2


def test_a_company_opened_at_once_is_answered_alike(real_store: Path, universe_store: Path) -> None:
    for path in (real_store, universe_store):
        with Store.open(path, read_only=True) as store:
            asked, opened = Search(store), Search(store)
            for cik in sorted(asked.companies)[:6]:
                opened.open(cik)
                assert opened.calendar(cik) == asked.calendar(cik)
                assert opened.metrics_of(cik) == asked.metrics_of(cik) != []
                for name in asked.metrics_of(cik):
                    assert dict(opened.versions(cik, name)) == dict(asked.versions(cik, name))


def test_postgres_answers_alike(tmp_path: Path, postgres_url: str) -> None:
    settings = {name: value for name, value in UNIVERSE.items() if name != "kind"}
    chosen = GeneratedSettings.model_validate(settings | {"companies": 2})
    readings = list(read_generated(chosen))
    with Store.create(tmp_path / "facts.sqlite") as one, Store.create(postgres_url) as other:
        for store in (one, other):
            store.add_many((reading.company, reading.facts) for reading in readings)
        here, there = Search(one), Search(other)
        for cik in here.companies:
            assert there.metrics_of(cik) == here.metrics_of(cik) != []
            for name in here.metrics_of(cik):
                assert there.series(cik, name) == here.series(cik, name) != {}
            again = Search(other)
            again.open(cik)
            assert again.series(cik, "revenue") == here.series(cik, "revenue")
