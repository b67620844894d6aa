"""How fast the template author writes, and that it writes the same twice.

    python -m bench.examples [--facts data/clean/facts.sqlite] [--examples 100000] [--runs 2]

Writes about the companies of a store; without one, about 600 that it generates. Prints seconds of
one core, examples a second, and the digest of the lines, of each run.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import orjson

from ledgerline.examples.jsonl import as_json
from ledgerline.examples.synthesize import SynthesizeSettings, synthesize
from ledgerline.filings.companyfacts import read_companyfacts
from ledgerline.filings.generated import GeneratedSettings, companies
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tasks.params import load_params
from tasks.synthesize import SynthesizeParams


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=Path)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=2)
    arguments = parser.parse_args()
    settings = load_params(Path("params.yaml"), SynthesizeParams).synthesize
    settings = settings.model_copy(
        update={
            "counts": settings.counts.model_copy(
                update={"train": arguments.examples, "validation": 0, "test": 0}
            )
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.facts or _generated(Path(folder) / "facts.sqlite")
        seconds, digests = [], set()
        for _ in range(arguments.runs):
            spent, digest = _write(path, settings)
            seconds.append(spent)
            digests.add(digest)
            print(
                f"{spent:.1f} s of one core, {arguments.examples / spent:,.0f} examples/s, {digest}"
            )
    print(f"median {statistics.median(seconds):.1f} s; identical: {len(digests) == 1}")


def _generated(path: Path) -> Path:
    universe = GeneratedSettings(
        companies=600,
        years=10,
        last_year=2024,
        foreign_rate=0.1,
        restatement_rate=0.1,
        fact_error_rate=0,
        filing_error_rate=0,
        seed=1,
    )
    with Store.create(path) as store:
        for content, _ in companies(universe):
            company, facts, _bad = read_companyfacts(content)
            store.add(replace(company, source="generated"), facts)
    return path


def _write(path: Path, settings: SynthesizeSettings) -> tuple[float, str]:
    with Store.open(path, read_only=True) as store:
        begun = time.process_time()
        corpus = synthesize(store.companies(), Search(store), settings)
        lines = [orjson.dumps(as_json(example)) for example in corpus.train]
        spent = time.process_time() - begun
    return spent, hashlib.sha256(b"\n".join(lines)).hexdigest()[:16]


if __name__ == "__main__":
    main()
