"""A million facts through the whole stage, and pandera doing the nearest it can.

Each runs in a process of its own, which says how long it took, how much of that on a processor
(other work on the machine doesn't count there), and its peak of memory. pandera
checks columns, and groups of rows by functions that one writes; it has no notion of evidence,
factor or quarantine, so it gets the checks of the gate's suites: no detector.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.store import Store
from ledgerline.quality.reading import read_facts
from ledgerline.quality.validation import ValidateSettings, validate

ROOT = Path(__file__).resolve().parents[1]


def speed(frame: pd.DataFrame, facts: int) -> Iterator[str]:
    """Lines for the stage and for pandera, on `facts` real facts (companies told repeatedly)."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.sqlite"
        count = _fill(raw, frame, facts)
        yield f"{count:,} facts; each in a process of its own, everything counted"
        for name in RUNS:
            command = [sys.executable, "-m", "bench.quality_speed", name, str(raw)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                yield f"{name:<10} {done.stderr.strip().splitlines()[-1]}"
                continue
            seconds, processor, peak = map(float, done.stdout.split()[-3:])
            yield (
                f"{name:<10} {seconds:6.1f} s, {processor:6.1f} s of processor time, "
                f"{count / processor:>9,.0f} rows a second of it, peak {peak:.2f} GB"
            )


def _fill(raw: Path, frame: pd.DataFrame, facts: int) -> int:
    with Store.create(raw) as store:
        for turn in range(-(-facts // len(frame))):
            companies = frame.head(facts - turn * len(frame)).groupby("cik", sort=False)
            store.add_many(
                (Company(int(cik) + turn * 10_000_000, f"Company {cik}"), _facts(rows, turn))
                for cik, rows in companies
            )
        return store.count()


def _facts(rows: pd.DataFrame, turn: int) -> list[Fact]:
    return [
        Fact(
            int(row.cik) + turn * 10_000_000, row.accession, row.taxonomy, row.tag, row.unit,
            None if pd.isna(row.start) else row.start.date(), row.end.date(),
            Decimal(repr(row.value)), row.form, row.filed.date(),
        )
        for row in rows.itertuples()
    ]  # fmt: skip


def stage(raw: Path, settings: ValidateSettings) -> None:
    """All that `python -m tasks.validate` computes: detectors, quarantine, suites, Data Docs."""
    validate(
        raw, raw.with_name("clean.sqlite"), [], settings, Catalogue.load(), raw.with_name("docs")
    )


def pandera(raw: Path, settings: ValidateSettings) -> None:
    """Columns, sizes, and figures that disagree between filings, as a pandera schema."""
    import pandera.pandas as pa

    with Store.open(raw, read_only=True) as store:
        frame = read_facts(store.engine)
    kinds = {t: m.unit_kind for m in Catalogue.load().metrics for t in m.tags}
    names = frame["taxonomy"].astype(str) + ":" + frame["tag"].astype(str)
    frame["largest"] = names.map(kinds).map(settings.gate.largest).fillna(np.inf)
    one = ["cik", "taxonomy", "tag", "unit", "start", "end"]

    def agree(rows: pd.DataFrame) -> "pd.Series[bool]":
        size = rows["value"].where(rows["value"] > 0)
        grouped = size.groupby([rows[c] for c in one], dropna=False, observed=True)
        return ~(grouped.transform("max") >= 999 * grouped.transform("min"))

    schema = pa.DataFrameSchema(
        {
            "accession": pa.Column(nullable=False),
            "unit": pa.Column(checks=pa.Check(lambda unit: unit.astype(str).str.strip() != "")),
            "end": pa.Column("datetime64[s]", nullable=False),
            "value": pa.Column(float, checks=pa.Check(np.isfinite)),
        },
        checks=[
            pa.Check(lambda rows: rows["start"].isna() | (rows["start"] <= rows["end"])),
            pa.Check(lambda rows: rows["value"].abs() <= rows["largest"]),
            pa.Check(agree),
        ],
    )
    with suppress(pa.errors.SchemaErrors):
        schema.validate(frame, lazy=True)


RUNS: dict[str, Callable[[Path, ValidateSettings], None]] = {
    "ledgerline": stage,
    "pandera": pandera,
}


def main(name: str, raw: Path) -> None:
    """Run one of `RUNS`; print its seconds, those on a processor, and its peak of memory in GB."""
    from bench.quality import settings_of

    settings = settings_of()
    began, spent = time.perf_counter(), time.process_time()
    RUNS[name](raw, settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(time.perf_counter() - began, time.process_time() - spent, peak)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
