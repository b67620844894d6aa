"""EDGAR itself: companyfacts of listed companies, fetched once, politely, and only when newer.

edgartools gives the transport: the declared identity and the throttle. What the SEC asks of
everybody is kept: a User-Agent with a name and an address, at most ten requests a second, and
waiting as long as Retry-After says.
"""

import gzip
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from ledgerline.durable import write_bytes
from ledgerline.errors import LedgerlineError
from ledgerline.filings.facts import NewestFilings
from ledgerline.settings import Settings

_MAX_RATE = 10


class EdgarUnreachableError(LedgerlineError):
    """EDGAR could not be reached, or would not serve; trying again later may help."""


class EdgarSettings(Settings):
    """Which companies are fetched, as whom, and how patiently.

    `identity` is "Name address@domain". `companies` are tickers or CIKs. `folder` keeps what
    was fetched; a company looked at less than `max_age_hours` ago isn't asked for again.
    `attempts` of one request wait `first_wait_s`, doubled each time, at most `longest_wait_s`,
    or what Retry-After says. `site` and `data` are for mirrors.
    """

    identity: str
    companies: tuple[str | int, ...]
    folder: Path
    max_age_hours: float = 20
    requests_per_second: int = 8
    attempts: int = 5
    timeout_s: float = 30
    first_wait_s: float = 2
    longest_wait_s: float = 600
    site: str = "https://www.sec.gov"
    data: str = "https://data.sec.gov"


class Edgar:
    """A polite client of EDGAR that keeps what it fetched."""

    def __init__(
        self,
        settings: EdgarSettings,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ):
        if "@" not in settings.identity or " " not in settings.identity.strip():
            raise LedgerlineError(
                "ingest: EDGAR answers only to people who say who they are; set the source's "
                f"identity to 'Name address@domain' (now {settings.identity!r})"
            )
        if not 1 <= settings.requests_per_second <= _MAX_RATE:
            raise LedgerlineError(
                f"ingest: requests_per_second is {settings.requests_per_second}; the SEC allows "
                f"1 to {_MAX_RATE} in all"
            )
        # edgartools takes five seconds to import, which only those who fetch should wait.
        from edgar.httpclient import get_http_mgr
        from edgar.settings import set_identity

        # The throttle's own httpx: it prefers a fork of it, with errors of its own.
        from httpxthrottlecache import httpx  # type: ignore[import-untyped]

        self._settings = settings
        self._clock = clock
        self._wait = wait
        set_identity(settings.identity)
        self._http = get_http_mgr(
            cache_enabled=False, request_per_sec_limit=settings.requests_per_second
        )
        self._faults = (httpx.TransportError, httpx.DecodingError)
        self.requests = 0

    def companies(
        self, newest: Mapping[int, NewestFilings] | None = None
    ) -> Iterator[tuple[str, bytes | LedgerlineError]]:
        """(where from, companyfacts JSON) of each company in the settings, in their order.

        The JSON carries ticker, SIC, fiscal-year end and former names from the submissions.
        A company that EDGAR doesn't have comes with the error instead. One that filed nothing
        with XBRL after those that `newest` has under its CIK doesn't come, nor is it fetched.

        Raises:
            EdgarUnreachableError: EDGAR can't be reached or refuses; what was fetched is kept.
        """
        for cik in self._ciks():
            if isinstance(cik, LedgerlineError):
                yield "edgar", cik
                continue
            try:
                submissions = self._submissions(cik)
                known = (newest or {}).get(cik, NewestFilings())
                if any(known.precede(*filing) for filing in _xbrl_filings(submissions)):
                    yield f"edgar:CIK{cik:010}", self._company(cik, submissions)
            except EdgarUnreachableError:
                raise
            except LedgerlineError as error:
                yield f"edgar:CIK{cik:010}", error

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _ciks(self) -> Iterator[int | LedgerlineError]:
        tickers: dict[str, int] | None = None
        for company in self._settings.companies:
            text = str(company).upper().removeprefix("CIK")
            if text.isdigit():
                yield int(text)
                continue
            if tickers is None:
                tickers = self._tickers()
            cik = tickers.get(text.replace(".", "-"))
            yield cik or LedgerlineError(f"{company}: EDGAR lists no such ticker")

    def _tickers(self) -> dict[str, int]:
        url = f"{self._settings.site}/files/company_tickers.json"
        rows = self._kept("company_tickers.json.gz", url, "object").values()
        return {str(row["ticker"]).upper(): int(row["cik_str"]) for row in rows}

    def _submissions(self, cik: int) -> dict[str, Any]:
        name = f"CIK{cik:010}"
        url = f"{self._settings.data}/submissions/{name}.json"
        return self._kept(f"submissions-{name}.json.gz", url, "cik")

    def _company(self, cik: int, submissions: dict[str, Any]) -> bytes:
        name = f"CIK{cik:010}"
        kept = self._settings.folder / f"{name}.json.gz"
        filings = _xbrl_filings(submissions)
        newest = max((day for day, _ in filings), default=date.min)
        # Of two filings of a day the facts may have only the first, so they don't tell enough.
        latest = sorted(accession for day, accession in filings if day == newest)
        facts: dict[str, Any] | None = None
        if kept.is_file():
            facts = orjson.loads(gzip.decompress(kept.read_bytes()))
        if facts is None or newest > _newest_fact(facts) or facts.get("latest", latest) != latest:
            url = f"{self._settings.data}/api/xbrl/companyfacts/{name}.json"
            facts = self._fetch(url, "facts") | {"latest": latest}
            write_bytes(kept, gzip.compress(orjson.dumps(facts), mtime=0))
        facts |= {
            "tickers": submissions.get("tickers") or [],
            "sic": submissions.get("sic") or "",
            "fiscalYearEnd": submissions.get("fiscalYearEnd") or "",
            "formerNames": submissions.get("formerNames") or [],
        }
        return orjson.dumps(facts)

    def _kept(self, name: str, url: str, key: Literal["object", "cik"]) -> dict[str, Any]:
        """A small document, from the folder if young enough."""
        path = self._settings.folder / name
        if path.is_file():
            age = self._clock() - path.stat().st_mtime
            if age < self._settings.max_age_hours * 3600:
                kept: dict[str, Any] = orjson.loads(gzip.decompress(path.read_bytes()))
                return kept
        document = self._fetch(url, key)
        write_bytes(path, gzip.compress(orjson.dumps(document), mtime=0))
        return document

    def _fetch(self, url: str, key: str) -> dict[str, Any]:
        """The JSON object at `url`, which has `key`; tries again where that may help."""
        wait = self._settings.first_wait_s
        why = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                self._wait(min(wait, self._settings.longest_wait_s))
                wait *= 2
            try:
                with self._http.http_client() as client:
                    self.requests += 1
                    response = client.get(
                        url,
                        headers={"User-Agent": self._settings.identity},
                        timeout=self._settings.timeout_s,
                    )
            except self._faults as error:
                why = f"{type(error).__name__}: {error}"
                continue
            if response.status_code == 404:
                raise LedgerlineError(f"{url}: EDGAR has no such document")
            if response.status_code == 403:
                raise EdgarUnreachableError(
                    f"{url}: EDGAR refused (403); it wants an identity of the form 'Name "
                    "address@domain', and blocks for some ten minutes whoever asks too fast"
                )
            if response.status_code == 429:
                asked_for = _retry_after(response.headers.get("Retry-After", ""), self._clock())
                if asked_for > self._settings.longest_wait_s:
                    raise EdgarUnreachableError(
                        f"{url}: EDGAR wants {asked_for:.0f} s of quiet (429), longer than "
                        "longest_wait_s; run the stage again then, it goes on where it stopped"
                    )
                wait = max(wait, asked_for)
                why = "asked too fast (429)"
                continue
            if response.status_code != 200:
                why = f"HTTP {response.status_code}"
                continue
            document = _object(response.content, key)
            if isinstance(document, dict):
                return document
            why = document
        raise EdgarUnreachableError(
            f"{url}: not served after {self._settings.attempts} attempts ({why}); run the stage "
            "again later, it goes on where it stopped"
        )


def _object(content: bytes, key: str) -> dict[str, Any] | str:
    """The JSON object in `content`, or what is wrong with it."""
    if content.lstrip()[:1] == b"<":
        return "an HTML page instead of JSON"
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return f"truncated JSON: {error}"
    if not isinstance(document, dict) or (key != "object" and key not in document):
        return f"JSON without {key!r}"
    return document


def _retry_after(text: str, now: float) -> float:
    """The seconds to wait from `now`: the header tells them, or the moment when they are over."""
    if text.strip().replace(".", "", 1).isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp() - now)


def _xbrl_filings(submissions: dict[str, Any]) -> list[tuple[date, str]]:
    """When each filing with XBRL was filed, and its accession, as the submissions tell."""
    recent = submissions.get("filings", {}).get("recent", {})
    columns = (recent.get(name, ()) for name in ("filingDate", "accessionNumber", "isXBRL"))
    return [
        (date.fromisoformat(day), accession)
        for day, accession, xbrl in zip(*columns, strict=False)
        if xbrl
    ]


def _newest_fact(facts: dict[str, Any]) -> date:
    days = {
        row["filed"]
        for tags in facts["facts"].values()
        for described in tags.values()
        for rows in described["units"].values()
        for row in rows
    }
    return date.fromisoformat(max(days)) if days else date.min
