"""The stage `validate` as DVC runs it: in a folder, from files to files."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """`python -m` with `command`, or the stage itself."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", *(command or ("tasks.validate",))],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


def store(folder: Path, filings: int) -> None:
    """A raw store of one metric a filing; `filings` of them."""
    path = folder / "data" / "raw" / "facts.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with Store.create(path) as raw:
        facts = [
            Fact(7, f"0000000007-{n % 100:02d}-{n:06d}", "us-gaap", "Assets", "USD", None,
                 date(1990 + n // 40, 1 + n % 12, 28), Decimal(1_234_000 + n), "10-Q",
                 date(1991 + n // 40, 1 + n % 12, 28))
            for n in range(filings)
        ]  # fmt: skip
        raw.add(Company(7, "Seven"), facts)


@pytest.mark.slow
def test_clean_facts_a_report_and_metrics_come_out(folder: Path):
    store(folder, 1200)
    outcome = run(folder)
    assert outcome.returncode == 0, outcome.stderr
    metrics = json.loads((folder / "reports" / "validate.json").read_text())
    assert metrics["facts_in"] == 1200
    assert metrics["fit"]
    assert "1,200 facts in" in outcome.stdout
    assert (folder / "reports" / "data_docs" / "index.html").is_file()
    assert "Fit to train on" in (folder / "reports" / "data_quality.html").read_text()
    with Store.open(folder / "data" / "clean" / "facts.sqlite", read_only=True) as clean:
        assert clean.count() == metrics["accepted"]


@pytest.mark.slow
def test_too_little_data_stops_the_pipeline_and_leaves_the_report(folder: Path):
    store(folder, 20)
    outcome = run(folder)
    assert outcome.returncode == 1
    assert "Traceback" not in outcome.stderr
    for words in ("raw facts", "at least 1,000 facts", "reports/data_quality.html"):
        assert words in outcome.stderr
    assert "Not fit to train on" in (folder / "reports" / "data_quality.html").read_text()


def test_no_raw_store_is_one_clear_line(folder: Path):
    outcome = run(folder)
    assert outcome.returncode == 1
    assert "data/raw/facts.sqlite" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.slow
def test_dvc_compares_each_ingest_with_the_last_accepted_one(folder: Path):
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["validate"]
    stage["deps"] = [path for path in stage["deps"] if path.startswith("data/")]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"validate": stage}}))
    (folder / "data").mkdir()
    (folder / "data" / "reviews.yaml").write_text("[]\n")
    assert run(folder, "dvc", "init", "--no-scm", "-q").returncode == 0
    warning = "against the last accepted ingest: Facts, filings and companies"
    warned = []
    for filings, words in ((1200, ()), (4800, ()), (4800, ("--force",))):
        store(folder, filings)
        outcome = run(folder, "dvc", "repro", *words)
        assert outcome.returncode == 0, outcome.stderr
        assert f"{filings:,} facts in" in outcome.stdout
        warned.append(warning in outcome.stdout)
    # Validated once more, the same ingest is still compared with the one before it.
    assert warned == [False, True, True]
