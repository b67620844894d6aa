"""Refreshing stops when nothing changed; backfilling happens beside the workspace."""

import json
from pathlib import Path

import pytest

from ledgerline.filings.store import Store
from tasks.profile import lay_out
from tests.flows.conftest import REPOSITORY, Server, run_flow

pytestmark = pytest.mark.slow
REFRESHED = {"stages": ("first", "middle"), "out": "middle.txt"}


def test_it_says_whether_anything_is_new(server: Server, project: Path) -> None:
    for content, name in (("one\n", "Refreshed"), ("one\n", "Unchanged")):
        (project / "source.txt").write_text(content)
        status, output = run_flow(server, project, "refresh", **REFRESHED)
        assert status == 0, output
        run = server.flow_runs()[0]
        assert (run["state_type"], run["state_name"]) == ("COMPLETED", name)
    assert list(server.task_runs(run["id"])) == ["first", "middle"]
    assert not (project / "last.txt").exists()


def test_a_backfill_takes_in_only_its_days_and_leaves_the_workspace_alone(
    server: Server, tmp_path: Path
) -> None:
    lay_out(REPOSITORY, REPOSITORY / "tests" / "pipeline" / "small.yaml", tmp_path)
    days = {"first": "2024-01-01", "last": "2024-03-31"}
    status, output = run_flow(server, tmp_path, "backfill", targets=("ingest",), **days)
    assert status == 0, output
    folder = tmp_path / "runs" / "backfill-2024-01-01-2024-03-31"
    with Store.open(folder / "data" / "raw" / "facts.sqlite", read_only=True) as store:
        filed = store.frame()["filed"]
    assert str(filed.min().date()) >= days["first"]
    assert str(filed.max().date()) <= days["last"]
    assert json.loads((folder / "reports" / "ingest.json").read_text())["facts"] == len(filed)
    assert not (tmp_path / "data" / "raw").exists()
