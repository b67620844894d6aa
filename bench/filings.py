"""How fast filings are read, stored and searched, beside edgartools in the same run.

    python -m bench.filings [--facts 10000000] [--data ../shared/data] [--folder /tmp/bench]

Prints facts a second into SQLite from companyfacts and from data sets, peak memory on a generated
companyfacts.zip of 2,000 companies, search latencies in a store of --facts facts, and edgartools'
own `get_facts().query()` on the same company. Rates and latencies are of processor time, on one
core, so that other work on the machine doesn't count; nor does waiting for the disk.
"""

import argparse
import gzip
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson

from ledgerline.filings.accounts import SECTORS
from ledgerline.filings.generated import GeneratedSettings, companies
from ledgerline.filings.ingest import IngestSettings, ingest
from ledgerline.filings.names import company_names
from ledgerline.filings.search import Hit, Search
from ledgerline.filings.store import Store

REPEATS = 3
GENERATED = 1000
APART = 10_000_000
"""What lies between the CIKs of a company and its copy."""


def universe(count: int) -> GeneratedSettings:
    return GeneratedSettings(
        companies=count,
        years=10,
        last_year=2024,
        foreign_rate=0.1,
        restatement_rate=0.12,
        fact_error_rate=0.0,
        filing_error_rate=0.0,
        seed=1,
    )


def load(source: dict[str, object], path: Path) -> tuple[int, float]:
    """(facts stored, processor seconds)."""
    settings = IngestSettings.model_validate({"sources": [source], "on_bad_file": "stop"})
    began = time.process_time()
    result = ingest(settings, path)
    return result.facts, time.process_time() - began


def print_loading(data: Path, folder: Path) -> None:
    for kind in ("companyfacts", "fsds"):
        rates = []
        for _ in range(REPEATS):
            source = {"kind": "files", "folder": data / kind}
            facts, seconds = load(source, folder / f"{kind}.sqlite")
            rates.append(facts / seconds)
        rate = statistics.median(rates)
        print(f"{kind} into SQLite: {facts:,} facts, {rate:,.0f} facts/s (median of {REPEATS})")


def print_memory(folder: Path) -> None:
    """Peak memory of a process of its own that reads a bulk zip of 2,000 companies."""
    bulk = folder / "bulk"
    bulk.mkdir(exist_ok=True)
    documents = [orjson.loads(content) for content, _ in companies(universe(200))]
    path = bulk / "companyfacts.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for copy in range(10):
            for document in documents:
                own = document | {"cik": document["cik"] + copy * APART}
                archive.writestr(f"CIK{own['cik']:010}.json", orjson.dumps(own))
    done = subprocess.run(
        [sys.executable, "-m", "bench.filings", "--load", str(bulk), "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"companyfacts.zip of 2,000 companies: {done.stdout.strip()}")


def print_load(source: Path, folder: Path) -> None:
    facts, seconds = load({"kind": "files", "folder": source}, folder / "bulk.sqlite")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{facts:,} facts, {facts / seconds:,.0f} facts/s, peak memory {peak:,.0f} MB")


def milliseconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


def spread(times: list[float]) -> str:
    ordered = sorted(times)
    return (
        f"p50 {statistics.median(ordered):.4f} ms, p95 {ordered[int(len(ordered) * 0.95)]:.4f} ms"
    )


def fill(path: Path, wanted: int) -> None:
    """A store of `wanted` facts: a generated universe, again and again under other names."""
    partial = path.with_suffix(".partial")
    source = {"kind": "generated", **universe(GENERATED).model_dump()}
    facts, _ = load(source, partial)
    copies = round(wanted / facts)
    names = company_names(GENERATED * copies, list(SECTORS) * GENERATED * copies, seed=2)
    connection = sqlite3.connect(partial)
    ciks = [cik for (cik,) in connection.execute("SELECT cik FROM company ORDER BY cik")]
    (filings,) = connection.execute("SELECT max(id) FROM filing").fetchone()
    for copy in range(1, copies):
        named = zip(ciks, names[copy * GENERATED :], strict=False)
        connection.executemany(
            "INSERT INTO company SELECT cik + ?, ?, '', '', sic, fiscal_year_end, source "
            "FROM company WHERE cik = ?",
            [(copy * APART, name, cik) for cik, name in named],
        )
        connection.execute(
            "INSERT INTO filing (id, cik, accession, form, filed) "
            "SELECT id + ?, cik + ?, accession, form, filed FROM filing WHERE id <= ?",
            (copy * filings, copy * APART, filings),
        )
        connection.execute(
            'INSERT INTO fact (filing_id, concept_id, unit, start, "end", value, approx) '
            'SELECT filing_id + ?, concept_id, unit, start, "end", value, approx FROM fact '
            "WHERE filing_id <= ?",
            (copy * filings, filings),
        )
    connection.commit()
    connection.close()
    partial.rename(path)


def print_search(folder: Path, wanted: int) -> None:
    path = folder / f"search-{wanted}.sqlite"
    if not path.exists():
        fill(path, wanted)
    with Store.open(path, read_only=True) as store:
        began = time.perf_counter()
        search = Search(store)
        print(f"search opens {store.count():,} facts in {time.perf_counter() - began:.2f} s")
        chooser = random.Random(7)
        filers = chooser.sample(list(search.directory.companies.values()), 400)
        calls = [
            (filer.name, metric, period)
            for filer in filers
            for metric in ("revenue", "net income", "total assets", "gross margin", "SG&A")
            for period in ("FY2023", "third quarter of 2023", "Q4 2022")
        ]
        chooser.shuffle(calls)
        cold = [milliseconds(lambda call=call: search(*call)) for call in calls]
        print(f"search, first time asked: {spread(cold)}")
        warm = [milliseconds(lambda call=call: search(*call)) for call in calls]
        print(f"search, asked again: {spread(warm)}")
        hits = sum(isinstance(search(*call), Hit) for call in calls)
        print(f"  {hits:,} of {len(calls):,} calls hit")


def print_peer(data: Path, folder: Path) -> None:
    """Apple's net sales of fiscal 2023, by search and by edgartools on the same file."""
    with Store.open(folder / "companyfacts.sqlite", read_only=True) as store:
        search = Search(store)
        first = milliseconds(lambda: search("Apple", "revenue", "FY2023"))
        rest = [milliseconds(lambda: search("Apple", "revenue", "FY2023")) for _ in range(200)]
    print(f"search, Apple: first {first:.1f} ms, then {spread(rest)}")
    local = folder / "edgar"
    (local / "companyfacts").mkdir(parents=True, exist_ok=True)
    name = "CIK0000320193.json"
    content = gzip.decompress((data / "companyfacts" / f"{name}.gz").read_bytes())
    (local / "companyfacts" / name).write_bytes(content)
    os.environ |= {
        "EDGAR_IDENTITY": "Ledgerline Bench bench@example.org",
        "EDGAR_LOCAL_DATA_DIR": str(local),
        "EDGAR_USE_LOCAL_DATA": "1",
        "EDGAR_ALLOW_NETWORK_FALLBACK": "0",
    }
    from edgar.entity.entity_facts import get_company_facts

    found = {}

    def read() -> None:
        found["facts"] = get_company_facts(320193)

    loading = milliseconds(read)

    def query() -> None:
        found["rows"] = found["facts"].query().by_concept(
            "us-gaap:RevenueFromContractWithCustomerExcludingAssessedTax"
        ).by_fiscal_year(2023).execute()  # fmt: skip

    times = [milliseconds(query) for _ in range(200)]
    print(
        f"edgartools, Apple: get_facts() {loading:.0f} ms, then query() {spread(times)} "
        f"({len(found['rows'])} rows, to be told apart by the caller)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/ledgerline-bench"))
    parser.add_argument("--facts", type=int, default=10_000_000)
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.load:
        print_load(arguments.load, arguments.folder)
        return
    print_loading(arguments.data, arguments.folder)
    print_memory(arguments.folder)
    print_search(arguments.folder, arguments.facts)
    print_peer(arguments.data, arguments.folder)


if __name__ == "__main__":
    main()
