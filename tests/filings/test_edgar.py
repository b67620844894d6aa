"""EDGAR's client against a real server on loopback that misbehaves as EDGAR does."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.filings.edgar import Edgar, EdgarSettings, EdgarUnreachableError
from ledgerline.filings.ingest import IngestSettings, ingest, update
from ledgerline.filings.store import Store

IDENTITY = "Ledgerline Tests tests@example.org"


def companyfacts(cik: int, filed: str = "2024-02-01") -> dict[str, object]:
    row = {"end": "2023-12-31", "val": 1000, "accn": f"{cik}-24-1", "form": "10-K", "filed": filed}
    return {
        "cik": cik,
        "entityName": f"COMPANY {cik} INC",
        "facts": {"us-gaap": {"Assets": {"units": {"USD": [row]}}}},
    }


def submissions(cik: int, filed: str = "2024-02-01") -> dict[str, object]:
    recent = {"filingDate": [filed, "2030-01-01"], "isXBRL": [1, 0]}
    return {
        "cik": str(cik),
        "tickers": [f"T{cik}"],
        "sic": "1234",
        "fiscalYearEnd": "1231",
        "formerNames": [{"name": f"OLD {cik}"}],
        "filings": {"recent": recent},
    }


@dataclass
class Site:
    """What the server says: by path, misbehaviours first, then the document."""

    documents: dict[str, object] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def serve(self, cik: int, filed: str = "2024-02-01") -> None:
        self.documents[f"/submissions/CIK{cik:010}.json"] = submissions(cik, filed)
        self.documents[f"/api/xbrl/companyfacts/CIK{cik:010}.json"] = companyfacts(cik, filed)

    def paths(self) -> list[str]:
        return [path.rsplit("/", 2)[-2] for path, _ in self.asked]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("User-Agent", "")))
            faults = site.faults.get(self.path, [])
            fault = faults.pop(0) if faults else ""
            if self.path not in site.documents:
                self.send_error(404)
                return
            content = json.dumps(site.documents[self.path]).encode()
            if fault in ("403", "503"):
                self.send_error(int(fault))
            elif fault.startswith("429"):
                self.send_response(429)
                self.send_header("Retry-After", fault.partition(" ")[2])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif fault == "reset":
                self.connection.close()
            elif fault == "html":
                self._send(b"<!DOCTYPE html><title>Undeclared Automated Tool</title>")
            elif fault == "truncated":
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            elif fault == "cut":
                self._send(content[: len(content) // 2])
            elif fault == "slow":
                never.wait(5)
            else:
                self._send(content)

        def _send(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    never = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    yield site
    never.set()
    server.shutdown()
    server.server_close()
    thread.join()


def settings(site: Site, folder: Path, *companies: str | int, **changes: object) -> EdgarSettings:
    fields: dict[str, object] = {
        "identity": IDENTITY,
        "companies": companies,
        "folder": folder,
        "max_age_hours": 20,
        "requests_per_second": 10,
        "attempts": 4,
        "timeout_s": 0.5,
        "first_wait_s": 1,
        "longest_wait_s": 60,
        "site": site.url,
        "data": site.url,
    }
    return EdgarSettings.model_validate(fields | changes)


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


def test_a_store_takes_only_filings_newer_than_its_newest(site: Site, tmp_path: Path) -> None:
    store = tmp_path / "facts.sqlite"
    with Store.create(store):
        pass
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
        days = {cik: str(day) for cik, day in opened.newest_filings().items()}
    assert days == {1: "2024-02-01", 2: "2024-05-01", 3: "2024-02-01"}


def test_an_update_that_breaks_off_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    store = tmp_path / "facts.sqlite"
    with Store.create(store):
        pass
    site.serve(1)
    site.serve(2)
    site.faults["/submissions/CIK0000000002.json"] = ["403"]
    with pytest.raises(EdgarUnreachableError, match="403"):
        update(settings(site, tmp_path, 1, 2), store)
    site.asked.clear()
    assert update(settings(site, tmp_path, 1, 2), store).facts == 1
    assert [path for path, _ in site.asked if "0001" in path] == []


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
