"""A server on loopback that behaves, and misbehaves, as EDGAR does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ledgerline.filings.edgar import EdgarSettings

IDENTITY = "Ledgerline Tests tests@example.org"


def companyfacts(cik: int, filed: str = "2024-02-01") -> dict[str, object]:
    row = {"end": "2023-12-31", "val": 1000, "accn": f"{cik}-24-1", "form": "10-K", "filed": filed}
    return {
        "cik": cik,
        "entityName": f"COMPANY {cik} INC",
        "facts": {"us-gaap": {"Assets": {"units": {"USD": [row]}}}},
    }


def submissions(cik: int, filed: str = "2024-02-01") -> dict[str, object]:
    recent = {
        "filingDate": [filed, "2030-01-01"],
        "accessionNumber": [f"{cik}-24-1", f"{cik}-30-1"],
        "isXBRL": [1, 0],
    }
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


@contextmanager
def serving() -> Iterator[Site]:
    """A site on loopback."""
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
