"""Stores that several tests of this folder share."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ledgerline.filings.ingest import IngestSettings, ingest
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tests.filings.edgar_site import Site, serving
from tests.filings.postgres import server

UNIVERSE = {
    "kind": "generated",
    "companies": 40,
    "years": 6,
    "last_year": 2023,
    "foreign_rate": 0.0,
    "restatement_rate": 0.2,
    "fact_error_rate": 0.0,
    "filing_error_rate": 0.0,
    "seed": 5,
}


@pytest.fixture(scope="session")
def real_store(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five companyfacts files of the shared data."""
    path = tmp_path_factory.mktemp("real") / "facts.sqlite"
    source = {"kind": "files", "folder": shared_data / "companyfacts"}
    ingest(IngestSettings.model_validate({"sources": [source], "on_bad_file": "stop"}), path)
    return path


@pytest.fixture(scope="session")
def real_search(real_store: Path) -> Iterator[Search]:
    with Store.open(real_store, read_only=True) as store:
        yield Search(store)


@pytest.fixture(scope="session")
def universe_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generated universe without planted errors."""
    path = tmp_path_factory.mktemp("universe") / "facts.sqlite"
    ingest(IngestSettings.model_validate({"sources": [UNIVERSE], "on_bad_file": "stop"}), path)
    return path


@pytest.fixture(scope="session")
def universe_search(universe_store: Path) -> Iterator[Search]:
    with Store.open(universe_store, read_only=True) as store:
        yield Search(store)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    # Not under pytest's own folder, which only its owner may enter.
    with (
        tempfile.TemporaryDirectory(prefix="ledgerline-postgres-") as folder,
        server(Path(folder)) as url,
    ):
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A database of its own on a real Postgres."""
    name = f"facts_{uuid.uuid4().hex}"
    engine = create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield f"{postgres_server}/{name}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def site() -> Iterator[Site]:
    """What stands for EDGAR."""
    with serving() as site:
        yield site
