"""An evaluation played in shards on a local Dask cluster comes to the same as one played whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledgerline.evaluation.records import read_records
from tests.flows.conftest import Server
from tests.tasks.project import make_project, run_stage

pytest.importorskip("prefect_dask")
pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]
RECORDS = Path("data", "evaluation", "records.jsonl")


def results(folder: Path) -> set[tuple[object, ...]]:
    return {
        (row.policy, row.split, row.example_id, row.answer, row.right, row.reward)
        for row in read_records(folder / RECORDS)
    }


def test_shards_come_to_the_same_as_the_whole(server: Server, tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    whole = run_stage(folder, "evaluate")
    assert whole.returncode == 0, whole.stderr
    expected = results(folder)
    (folder / RECORDS).unlink()
    code = (
        "from pathlib import Path; from flows.shards import play; "
        f"play(Path({str(folder)!r}), 2, '', 1.0)"
    )
    played = subprocess.run(
        [sys.executable, "-c", f"if __name__ == '__main__':\n    {code}"],
        env=server.environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    shards = sorted(path.name for path in (folder / "data").rglob("shards/*/of-2/*.jsonl"))
    assert shards == ["0.jsonl", "1.jsonl"]
    (run,) = [run for run in server.flow_runs() if run["name"] == "play 2 shards"]
    assert len(server.task_runs(run["id"])) == 2
    put_together = run_stage(folder, "evaluate")
    assert put_together.returncode == 0, put_together.stderr
    assert results(folder) == expected
    assert not (folder / "data" / "evaluation" / "shards").exists()
