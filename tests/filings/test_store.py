"""The store: exact, idempotent, and the same on SQLite and Postgres."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from ledgerline.errors import LedgerlineError
from ledgerline.filings.duplicates import LATER, LESS_PRECISE, ROUNDED
from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.store import Store
from ledgerline.filings.writer import Added

ACME = Company(
    cik=7, name="Acme Corp.", former_names=("Old Acme", "Ox & Co"), fiscal_year_end="0630"
)


def fact(**changes: object) -> Fact:
    fields: dict[str, object] = {
        "cik": 7,
        "accession": "0000000007-24-000001",
        "taxonomy": "us-gaap",
        "tag": "Revenues",
        "unit": "USD",
        "start": date(2023, 7, 1),
        "end": date(2024, 6, 30),
        "value": Decimal("123456789012345678901.25"),
        "form": "10-K",
        "filed": date(2024, 8, 20),
    }
    return Fact(**(fields | changes))  # type: ignore[arg-type]


FACTS = [
    fact(),
    fact(start=None, tag="Assets", value=Decimal(5)),
    fact(unit="EUR"),
    fact(start=date(2024, 4, 1)),
    fact(accession="0000000007-25-000001", filed=date(2025, 8, 20), superseded=True),
    fact(tag="EarningsPerShareDiluted", unit="USD/shares", value=Decimal("-0.10")),
]


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    if request.param == "sqlite":
        return tmp_path / "facts.sqlite"
    url = request.getfixturevalue("postgres_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def store(where: Path | str) -> Iterator[Store]:
    with Store.create(where) as store:
        yield store


def test_adding_twice_changes_nothing(store: Store) -> None:
    assert store.add(ACME, FACTS) == Added(6, 0)
    assert store.add(ACME, FACTS) == Added(0, 6)
    assert store.add(ACME, [*FACTS, fact(unit="JPY")]) == Added(1, 6)
    assert store.count() == 7
    assert store.companies() == [ACME]


def test_a_fact_repeated_in_one_batch_is_stored_once(store: Store) -> None:
    assert store.add(ACME, [fact(), fact(value=Decimal(1))]) == Added(1, 1)
    assert list(store.frame()["value_text"]) == ["123456789012345678901.25"]


def test_of_several_values_the_most_precise_stands_and_the_others_say_why(store: Store) -> None:
    told = [fact(value=Decimal(v)) for v in ("172000", "171797", "171797", "168400", "171803")]
    assert store.add(ACME, told) == Added(1, 4)
    assert store.add(ACME, told[:1]) == Added(0, 1)
    frame = store.frame()
    assert (list(frame["value_text"]), list(frame["value"])) == (["171797"], [171797.0])
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT fact, other, value, why FROM duplicate")).all()
    name = "7|0000000007-24-000001|us-gaap:Revenues|USD|2023-07-01|2024-06-30"
    assert sorted(tuple(row) for row in rows) == [
        (name, "168400", "171797", LESS_PRECISE),
        (name, "171803", "171797", LATER),
        (name, "172000", "171797", ROUNDED),
    ]


def test_identity_is_held_by_the_database(store: Store) -> None:
    store.add(ACME, [fact(start=None)])
    row = "SELECT filing_id, concept_id, unit, start, \"end\", '9', 9.0 FROM fact"
    with pytest.raises(IntegrityError), store.engine.begin() as connection:
        connection.execute(
            text(
                'INSERT INTO fact (filing_id, concept_id, unit, start, "end", value, approx) ' + row
            )
        )


def test_frame_gives_exact_values_and_real_dates(store: Store) -> None:
    store.add(ACME, FACTS)
    frame = store.frame()
    assert list(frame["value_text"])[:2] == ["123456789012345678901.25", "5"]
    assert frame["value"].iloc[0] == pytest.approx(1.2345678901234568e20)
    assert pd.isna(frame["start"].iloc[1])
    assert frame["end"].iloc[0] == pd.Timestamp(2024, 6, 30)
    assert frame["filed"].iloc[4] == pd.Timestamp(2025, 8, 20)
    assert frame["value_text"].iloc[5] == "-0.10"
    assert set(frame["cik"]) == {7}
    assert list(store.frame(tags=["us-gaap:Assets"])["tag"]) == ["Assets"]
    assert len(store.frame(where="fact.unit = :unit", parameters={"unit": "EUR"})) == 1
    assert store.frame(ciks=[8]).empty


def test_what_a_company_lacked_is_filled_and_what_it_had_stays(store: Store) -> None:
    store.add(ACME, [])
    store.add(Company(cik=7, name="ACME CORP", ticker="ACM", source="fsds"), [])
    assert store.companies() == [
        Company(7, "Acme Corp.", "ACM", ("Old Acme", "Ox & Co"), "", "0630", "fsds")
    ]


def test_a_batch_that_fails_leaves_nothing(store: Store) -> None:
    def broken() -> Iterator[tuple[Company, list[Fact]]]:
        yield ACME, FACTS
        raise RuntimeError("source gone")

    with pytest.raises(RuntimeError):
        store.add_many(broken())
    assert (store.count(), store.companies()) == (0, [])
    assert store.add(ACME, FACTS) == Added(6, 0)


def test_sqlite_leaves_one_file_that_many_may_read(tmp_path: Path) -> None:
    path = tmp_path / "facts.sqlite"
    with Store.create(path) as store:
        store.add(ACME, FACTS)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert [file.name for file in tmp_path.iterdir()] == ["facts.sqlite"]
    path.chmod(0o444)
    with Store.open(path, read_only=True) as one, Store.open(path, read_only=True) as other:
        assert one.count() == other.count() == 6
    assert [file.name for file in tmp_path.iterdir()] == ["facts.sqlite"]


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerlineError, match=r"absent\.sqlite: no store"):
        Store.open(tmp_path / "absent.sqlite")
    junk = tmp_path / "junk.sqlite"
    junk.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerlineError, match=r"junk\.sqlite: not a store"):
        Store.open(junk)
    Store.create(tmp_path / "new.sqlite").close()
    with pytest.raises(LedgerlineError, match="there already"):
        Store.create(tmp_path / "new.sqlite")
