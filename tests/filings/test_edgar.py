"""EDGAR's client against a real server on loopback that misbehaves as EDGAR does."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.filings.edgar import Edgar, EdgarSettings, EdgarUnreachableError
from ledgerline.filings.ingest import IngestSettings, ingest
from ledgerline.filings.store import Store
from tests.filings.edgar_site import IDENTITY, Site, settings


def fetch(settings: EdgarSettings, **changes: object) -> tuple[list[object], list[float]]:
    waits: list[float] = []
    edgar = Edgar(settings, wait=waits.append, **changes)  # type: ignore[arg-type]
    try:
        return [found for _, found in edgar.companies()], waits
    finally:
        edgar.close()


@pytest.mark.parametrize("fault", ["503", "reset", "html", "truncated", "cut", "slow"])
def test_a_fault_that_passes_is_outlived(site: Site, tmp_path: Path, fault: str) -> None:
    site.serve(1)
    site.faults["/api/xbrl/companyfacts/CIK0000000001.json"] = [fault, fault]
    (found,), waits = fetch(settings(site, tmp_path, 1))
    assert isinstance(found, bytes)
    assert json.loads(found)["entityName"] == "COMPANY 1 INC"
    assert waits == [1, 2]
    assert {agent for _, agent in site.asked} == {IDENTITY}


def test_retry_after_is_obeyed(site: Site, tmp_path: Path) -> None:
    site.serve(1)
    site.faults["/submissions/CIK0000000001.json"] = ["429 7"]
    _, waits = fetch(settings(site, tmp_path, 1))
    assert waits == [7]
    site.faults["/api/xbrl/companyfacts/CIK0000000002.json"] = ["429 3600"]
    site.serve(2)
    with pytest.raises(EdgarUnreachableError, match="3600 s of quiet"):
        fetch(settings(site, tmp_path, 2))


def test_retry_after_may_be_a_date(site: Site, tmp_path: Path) -> None:
    site.serve(1)
    now = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
    moments = [now + timedelta(seconds=9), now - timedelta(hours=1)]
    dates = [format_datetime(moment, usegmt=True) for moment in moments]
    site.faults["/submissions/CIK0000000001.json"] = [f"429 {day}" for day in (*dates, "soon")]
    _, waits = fetch(settings(site, tmp_path, 1), clock=now.timestamp)
    # What is over, and what is no date, leaves the usual wait.
    assert waits == [9, 18, 36]


def test_a_refusal_ends_it_with_advice(site: Site, tmp_path: Path) -> None:
    site.serve(1)
    site.faults["/submissions/CIK0000000001.json"] = ["403"]
    with pytest.raises(EdgarUnreachableError, match="identity"):
        fetch(settings(site, tmp_path, 1))
    assert len(site.asked) == 1


def test_a_lasting_fault_keeps_what_was_fetched(site: Site, tmp_path: Path) -> None:
    site.serve(1)
    site.serve(2)
    broken = "/api/xbrl/companyfacts/CIK0000000002.json"
    site.faults[broken] = ["503"] * 4
    with pytest.raises(EdgarUnreachableError, match=r"CIK0000000002.*4 attempts \(HTTP 503\)"):
        fetch(settings(site, tmp_path, 1, 2))
    site.asked.clear()
    found, _ = fetch(settings(site, tmp_path, 1, 2))
    assert len(found) == 2
    assert [path for path, _ in site.asked] == [broken]


def test_only_what_is_newer_is_fetched_again(site: Site, tmp_path: Path) -> None:
    site.serve(1)
    site.serve(2)
    fetch(settings(site, tmp_path, 1, 2))
    later = (tmp_path / "CIK0000000001.json.gz").stat().st_mtime + 30 * 3600
    site.serve(2, filed="2024-05-01")
    site.asked.clear()
    found, _ = fetch(settings(site, tmp_path, 1, 2), clock=lambda: later)
    assert site.paths() == ["submissions", "submissions", "companyfacts"]
    assert b"2024-05-01" in found[1]  # type: ignore[operator]


def test_tickers_and_companies_that_are_not_there(site: Site, tmp_path: Path) -> None:
    site.serve(1)
    site.documents["/files/company_tickers.json"] = {"0": {"cik_str": 1, "ticker": "ONE"}}
    found, _ = fetch(settings(site, tmp_path, "one", "NONE", 9))
    assert isinstance(found[0], bytes)
    assert "NONE: EDGAR lists no such ticker" in str(found[1])
    assert "EDGAR has no such document" in str(found[2])


@pytest.mark.parametrize("identity", ["", "someone", "a@b.org"])
def test_nobody_asks_without_a_name(site: Site, tmp_path: Path, identity: str) -> None:
    with pytest.raises(LedgerlineError, match="identity"):
        Edgar(settings(site, tmp_path, 1, identity=identity))
    with pytest.raises(LedgerlineError, match="1 to 10"):
        Edgar(settings(site, tmp_path, 1, requests_per_second=50))
    assert site.asked == []


def test_it_is_a_source_of_the_stage(site: Site, tmp_path: Path) -> None:
    site.serve(1)
    site.serve(3)
    source = settings(site, tmp_path / "edgar", 1, 2, 3).model_dump() | {"kind": "edgar"}
    chosen = IngestSettings.model_validate({"sources": [source], "on_bad_file": "set_aside"})
    result = ingest(chosen, tmp_path / "facts.sqlite")
    assert (result.companies["edgar"], result.facts) == (2, 2)
    assert list(result.files_aside) == ["edgar:CIK0000000002"]
    with Store.open(tmp_path / "facts.sqlite", read_only=True) as store:
        company = store.companies()[0]
    assert (company.name, company.ticker, company.sic) == ("Company 1 Inc", "T1", "1234")
    assert company.former_names == ("OLD 1",)
    assert gzip.decompress((tmp_path / "edgar" / "CIK0000000001.json.gz").read_bytes())
