"""The stage ingest as a process: what it writes, how it fails, what a kill leaves."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

from ledgerline.filings.store import Store
from tests.filings.files import data_set

ROOT = Path(__file__).resolve().parents[2]
STORE = Path("data/raw/facts.sqlite")
UNIVERSE = {
    "kind": "generated",
    "companies": 30,
    "years": 5,
    "last_year": 2024,
    "foreign_rate": 0.0,
    "restatement_rate": 0.1,
    "fact_error_rate": 0.01,
    "filing_error_rate": 0.01,
    "seed": 3,
}


def write_params(folder: Path, *sources: dict[str, object], on_bad_file: str = "stop") -> None:
    section = {"on_bad_file": on_bad_file, "sources": list(sources)}
    (folder / "params.yaml").write_text(yaml.safe_dump({"ingest": section}))


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tasks.ingest"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path) -> tuple[int, str, str]:
    process = start(folder)
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def companyfacts(cik: int) -> str:
    row = {"end": "2023-12-31", "val": 5, "accn": "a-1", "form": "10-K", "filed": "2024-02-01"}
    facts = {"us-gaap": {"Assets": {"units": {"USD": [row]}}}}
    return json.dumps({"cik": cik, "entityName": f"Company {cik}", "facts": facts})


def test_sources_are_put_together_and_reported(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "CIK1.json").write_text(companyfacts(1))
    (tmp_path / "own" / "CIK2.json").write_text(companyfacts(2)[:30])
    (tmp_path / "own" / "CIK3.json").write_text(companyfacts(3).replace("2023-12-31", "2023-12-32"))
    files = {"kind": "files", "folder": "own"}
    write_params(tmp_path, UNIVERSE, files, on_bad_file="set_aside")
    status, out, errors = run(tmp_path)
    assert (status, errors) == (0, "")
    assert "32 companies" in out
    assert "own/CIK2.json: truncated" in out
    report = json.loads((tmp_path / "reports" / "ingest.json").read_text())
    assert report["companies_by_source"] == {"companyfacts": 2, "generated": 30}
    assert report["files_set_aside"] == 1
    assert report["rows_set_aside_by_reason"] == {"ValueError: day is out of range for month": 1}
    with Store.open(tmp_path / STORE, read_only=True) as store:
        assert store.count() == report["facts"]
        assert len(store.companies()) == 32


def test_the_same_params_give_the_same_store(tmp_path: Path) -> None:
    write_params(tmp_path, UNIVERSE)
    assert run(tmp_path)[0] == 0
    first = (tmp_path / STORE).read_bytes()
    assert run(tmp_path)[0] == 0
    assert (tmp_path / STORE).read_bytes() == first


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"on_bad_file": "stop", "sources": []}, "ingest.sources is empty"),
        ({"on_bad_file": "perhaps", "sources": [UNIVERSE]}, "ingest.on_bad_file"),
        ({"on_bad_file": "stop", "sources": [UNIVERSE | {"compannies": 3}]}, "compannies"),
        (
            {"on_bad_file": "stop", "sources": [{"kind": "files", "folder": "gone"}]},
            "gone: no such",
        ),
        (
            {"on_bad_file": "stop", "sources": [{"kind": "files", "folder": "bad"}]},
            "CIK9.json: trunc",
        ),
        (
            {"on_bad_file": "stop", "sources": [{"kind": "files", "folder": "quarters"}]},
            "quarters/2024q1.zip: no num.txt",
        ),
        (
            {"on_bad_file": "stop", "sources": [{"kind": "files", "folder": "empty"}]},
            "empty: no companyfacts",
        ),
    ],
)
def test_bad_input_is_one_clear_line_and_loses_nothing(
    tmp_path: Path, params: dict[str, object], said: str
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "CIK9.json").write_text(companyfacts(9)[:30])
    (tmp_path / "empty").mkdir()
    (tmp_path / "quarters").mkdir()
    data_set(tmp_path / "quarters" / "2024q1.zip", leave_out="num")
    (tmp_path / STORE).parent.mkdir(parents=True)
    (tmp_path / STORE).write_bytes(b"from before")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"ingest": params}))
    status, _, errors = run(tmp_path)
    assert status == 1
    assert said in errors
    assert "Traceback" not in errors
    assert len(errors.strip().splitlines()) == 1
    assert (tmp_path / STORE).read_bytes() == b"from before"


def test_only_what_was_filed_on_the_days_asked_for_is_taken_in(tmp_path: Path) -> None:
    def take_in(first: str | None, last: str | None) -> tuple[int, str]:
        filed = {"first": first, "last": last}
        section = {"on_bad_file": "stop", "filed": filed, "sources": [UNIVERSE]}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"ingest": section}))
        status, _, errors = run(tmp_path)
        return status, errors

    assert take_in("2023-01-01", "2023-06-30") == (0, "")
    with Store.open(tmp_path / STORE, read_only=True) as store:
        days = store.frame()["filed"].dt.date
    assert days.min() >= date(2023, 1, 1)
    assert days.max() <= date(2023, 6, 30)
    status, errors = take_in("1990-01-01", "1990-12-31")
    assert status == 1
    assert "nothing in it was filed on the days of ingest.filed" in errors


def test_a_kill_leaves_nothing_half_written(tmp_path: Path) -> None:
    write_params(tmp_path, UNIVERSE | {"companies": 2000})
    process = start(tmp_path)
    folder = (tmp_path / STORE).parent
    while process.poll() is None and not (folder.is_dir() and any(folder.glob(".facts*.tmp"))):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / STORE).exists()
    write_params(tmp_path, UNIVERSE)
    assert run(tmp_path)[0] == 0
    with Store.open(tmp_path / STORE, read_only=True) as store:
        assert len(store.companies()) == 30
