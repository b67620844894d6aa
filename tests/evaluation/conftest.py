"""What the tests of evaluation share: a small world, and policies that played in it."""

from collections.abc import Iterator

import pytest

from ledgerline.evaluation.evaluate import Evidence, weigh
from ledgerline.evaluation.records import Record
from ledgerline.examples.synthesize import Corpus
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tests.evaluation.world import EVALUATE, make_corpus, make_store, played_records


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = make_store(tmp_path_factory.mktemp("world") / "facts.sqlite")
    with Store.open(path, read_only=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def world(store: Store) -> tuple[Search, Corpus]:
    return make_corpus(store)


@pytest.fixture(scope="session")
def records(store: Store, world: tuple[Search, Corpus]) -> list[Record]:
    return played_records(store, *world)


@pytest.fixture(scope="session")
def evidence(records: list[Record]) -> Evidence:
    return weigh(records, EVALUATE, 0.1, 0.9)
