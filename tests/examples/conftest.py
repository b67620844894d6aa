from collections.abc import Iterator
from pathlib import Path

import pytest

from ledgerline.examples.synthesize import Corpus, SynthesizeSettings, synthesize
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tests.examples.corpora import settings_with, write_store


@pytest.fixture(scope="session")
def settings() -> SynthesizeSettings:
    return settings_with()


@pytest.fixture(scope="session")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("facts") / "facts.sqlite"
    write_store(path)
    return path


@pytest.fixture(scope="session")
def store(store_path: Path) -> Iterator[Store]:
    with Store.open(store_path, read_only=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def search(store: Store) -> Search:
    return Search(store)


@pytest.fixture(scope="session")
def corpus(store: Store, search: Search, settings: SynthesizeSettings) -> Corpus:
    return synthesize(store.companies(), search, settings)
