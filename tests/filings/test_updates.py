"""A store takes from EDGAR what is newer than what it has."""

from pathlib import Path

import pytest

from ledgerline.filings.edgar import EdgarUnreachableError
from ledgerline.filings.ingest import update
from ledgerline.filings.store import Store
from tests.filings.edgar_site import Site, companyfacts, settings


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with nothing in it."""
    path = tmp_path / "facts.sqlite"
    with Store.create(path):
        return path


def test_a_store_takes_only_filings_newer_than_its_newest(
    site: Site, store: Path, tmp_path: Path
) -> None:
    site.serve(1)
    site.serve(2)
    first = update(settings(site, tmp_path / "first", 1, 2), store)
    assert (first.companies["edgar"], first.facts, first.repeated) == (2, 2, 0)
    # Nothing new is not fetched, even where no folder remembers what was.
    site.asked.clear()
    again = update(settings(site, tmp_path / "again", 1, 2), store)
    assert (again.companies.total(), again.facts) == (0, 0)
    assert site.paths() == ["submissions", "submissions"]
    site.serve(2, filed="2024-05-01")
    later = site.documents["/api/xbrl/companyfacts/CIK0000000002.json"]
    rows = later["facts"]["us-gaap"]["Assets"]["units"]["USD"]  # type: ignore[index]
    rows[0]["accn"] = "2-24-2"
    rows.append(companyfacts(2)["facts"]["us-gaap"]["Assets"]["units"]["USD"][0])  # type: ignore[index]
    site.serve(3)
    site.asked.clear()
    result = update(settings(site, tmp_path / "later", 1, 2, 3, 9), store)
    assert (result.companies["edgar"], result.facts, result.repeated) == (2, 2, 0)
    assert list(result.files_aside) == ["edgar:CIK0000000009"]
    assert [path.rsplit("/", 1)[1] for path, _ in site.asked if "companyfacts" in path] == [
        "CIK0000000002.json",
        "CIK0000000003.json",
    ]
    with Store.open(store, read_only=True) as opened:
        days = {cik: str(newest.day) for cik, newest in opened.newest_filings().items()}
    assert days == {1: "2024-02-01", 2: "2024-05-01", 3: "2024-02-01"}


def test_a_second_filing_of_the_same_day_is_not_missed(
    site: Site, store: Path, tmp_path: Path
) -> None:
    site.serve(1)
    chosen = settings(site, tmp_path / "edgar", 1, max_age_hours=0)
    assert update(chosen, store).facts == 1
    listed = site.documents["/submissions/CIK0000000001.json"]["filings"]["recent"]  # type: ignore[index]
    for name, value in (("filingDate", "2024-02-01"), ("accessionNumber", "1-24-2"), ("isXBRL", 1)):
        listed[name].insert(0, value)
    facts = site.documents["/api/xbrl/companyfacts/CIK0000000001.json"]["facts"]  # type: ignore[index]
    rows = facts["us-gaap"]["Assets"]["units"]["USD"]
    rows.append(rows[0] | {"accn": "1-24-2", "end": "2022-12-31", "val": 900})
    result = update(chosen, store)
    assert (result.facts, result.repeated) == (1, 0)
    site.asked.clear()
    assert update(chosen, store).facts == 0
    assert site.paths() == ["submissions"]


def test_an_update_that_breaks_off_goes_on_where_it_stopped(
    site: Site, store: Path, tmp_path: Path
) -> None:
    site.serve(1)
    site.serve(2)
    site.faults["/submissions/CIK0000000002.json"] = ["403"]
    with pytest.raises(EdgarUnreachableError, match="403"):
        update(settings(site, tmp_path, 1, 2), store)
    site.asked.clear()
    assert update(settings(site, tmp_path, 1, 2), store).facts == 1
    assert [path for path, _ in site.asked if "0001" in path] == []
