"""Every stage killed at some moment of its work, then run again: the whole ends well."""

import json
import random
import sqlite3
from pathlib import Path

import psutil
import pytest
from safetensors import safe_open

from flows.graph import stages_in_order
from ledgerline.evaluation.registry import Registry
from tasks.profile import lay_out
from tests.pipeline.project import SMALL, kill_when, outputs, run, start
from tests.pipeline.sources import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]
KILLS = 2
LATEST = 8.0
"""Seconds of its own processor time after which a stage is killed at the latest."""


def check_whole(path: Path) -> None:
    """Raise or fail if a file of this kind was cut off."""
    if path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".jsonl":
        assert all(json.loads(line) for line in path.read_text().splitlines())
    elif path.suffix == ".sqlite":
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
    elif path.suffix == ".safetensors":
        with safe_open(path, "pt") as weights:
            assert list(weights.keys())
    elif path.suffix == ".html":
        assert path.read_text().rstrip().endswith("</html>")


def processor_time(repro: int, stage: str) -> float:
    """Seconds that the process of `stage` under the process `repro` has worked; 0 before it is."""
    try:
        for child in psutil.Process(repro).children(recursive=True):
            if child.cmdline()[1:] in (
                ["-m", f"tasks.{stage}"],
                ["-m", "tasks.side_by_side", stage],
            ):
                return child.cpu_times().user
    except psutil.NoSuchProcess:
        pass
    return 0.0


def kill_at(folder: Path, stage: str, moment: float) -> bool:
    """Run `stage` and kill it when it has worked for `moment`; whether it still ran then."""
    repro = start(folder, "dvc", "repro", "--single-item", stage)
    return kill_when(repro, lambda: processor_time(repro.pid, stage) > moment)


def test_every_stage_survives_kills(tmp_path: Path) -> None:
    lay_out(ROOT, SMALL, tmp_path)
    moments = random.Random(8)
    killed = []
    for step in stages_in_order(tmp_path):
        for _ in range(KILLS):
            if kill_at(tmp_path, step.name, moments.uniform(0, LATEST)):
                killed.append(step.name)
            for name in outputs(tmp_path, step.name):
                check_whole(tmp_path / name)
        done = run(tmp_path, "dvc", "repro", "--single-item", step.name)
        assert done.returncode == 0, f"{step.name}: {done.stdout}{done.stderr}"
    assert len(set(killed)) >= 6, f"only {killed} were still at work when they were killed"
    assert "up to date" in run(tmp_path, "dvc", "repro").stdout
    left = [path for path in tmp_path.rglob("*.tmp*") if ".dvc" not in path.parts]
    assert left == []
    promoted = json.loads((tmp_path / "reports" / "promote.json").read_text())
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", "ledgerline", "registry")
    assert [version.number for version in registry.versions()] == [promoted["version"]]
    assert len(registry.decisions()) == 1
