"""The flow against a real Prefect server: order, states, logs, retries, timeouts, kills."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flows.graph import Stage, stages_in_order
from ledgerline.errors import LedgerlineError
from tests.flows.conftest import Server, run_flow, start_flow, until

pytestmark = pytest.mark.slow
QUALITY = {
    "fit": True,
    "facts_in": 1000,
    "companies": 12,
    "accepted": 990,
    "set_aside": 10,
    "reasons": {"off by a power of ten": 10},
    "suites": {"clean facts": {"expectations": 20, "critical_failures": 0, "warnings": 1}},
    "worst": [
        {
            "fact": "7|0000000007-20-000001|us-gaap:Assets|USD||2019-12-31",
            "company": "Seven",
            "value": "9000000000000",
            "suggested_value": "9000000000",
            "reason": "off by a power of ten",
            "confidence": 1.0,
            "link": "https://www.sec.gov/Archives/edgar/data/7/000000000720000001/",
        }
    ],
}


def test_the_order_comes_from_what_stages_read(project: Path) -> None:
    assert stages_in_order(project) == [
        Stage("first", ()),
        Stage("middle", ("first",)),
        Stage("side", ("first",)),
        Stage("last", ("middle", "side")),
    ]
    assert [step.name for step in stages_in_order(project, ("side",))] == ["first", "side"]
    with pytest.raises(LedgerlineError, match=r"no stage sid in .*there are first"):
        stages_in_order(project, ("sid",))


def test_each_stage_is_a_task_with_its_name_state_and_log(server: Server, project: Path) -> None:
    (project / "reports" / "data_docs").mkdir(parents=True)
    (project / "reports" / "data_docs" / "index.html").write_text("<html>")
    (project / "reports" / "validate.json").write_text(json.dumps(QUALITY))
    status, output = run_flow(server, project)
    assert status == 0, output
    assert (project / "last.txt").read_text() == "source\nsource\n"
    run = server.flow_runs()[0]
    tasks = server.task_runs(run["id"])
    assert list(tasks) == ["first", "middle", "side", "last"]
    assert {task["state_type"] for task in tasks.values()} == {"COMPLETED"}

    def logged() -> bool:
        chosen = {"task_run_id": {"any_": [tasks["middle"]["id"]]}}
        rows = server.post("/logs/filter", logs=chosen)
        return any("a line from middle" in row["message"] for row in rows)

    until(logged, 120, "the stage's output is not in the task's log")
    artifacts = server.artifacts(run["id"])
    assert "0.5" in artifacts["result"]
    for says in (
        "| facts in | 1,000 |",
        "| accepted | 990 |",
        "| · off by a power of ten | 10 |",
        r"| Seven | 7\|0000000007-20-000001\|us-gaap:Assets\|USD\|\|2019-12-31 | 9000000000000 | ",
    ):
        assert says in artifacts["data-quality"]
    assert "file://" in artifacts["data-docs"]

    # Nothing changed, so DVC runs nothing and the flow still says that all is well.
    before = (project / "last.txt").stat().st_mtime_ns
    status, output = run_flow(server, project)
    assert status == 0, output
    assert (project / "last.txt").stat().st_mtime_ns == before


def test_only_a_failed_transport_is_tried_again(server: Server, project: Path) -> None:
    stage = project / "stage.sh"
    stage.write_text("echo x >> tries.txt; test $(wc -l < tries.txt) -ge 2 || exit 75; cp $1 $2\n")
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(
        text.replace("cmd: cp source.txt first.txt", "cmd: sh stage.sh source.txt first.txt")
    )
    status, output = run_flow(server, project, targets=("first",), retry_seconds=0.1)
    assert status == 0, output
    assert (project / "tries.txt").read_text() == "x\nx\n"
    tasks = server.task_runs(server.flow_runs()[0]["id"])
    assert tasks["first"]["run_count"] == 2

    (project / "tries.txt").unlink()
    (project / "source.txt").write_text("changed\n")
    stage.write_text("echo x >> tries.txt; echo the reason >&2; exit 1\n")
    status, output = run_flow(server, project, targets=("middle",), retry_seconds=0.1)
    assert status != 0
    assert (project / "tries.txt").read_text() == "x\n"
    tasks = server.task_runs(server.flow_runs()[0]["id"])
    assert {name: task["state_type"] for name, task in tasks.items()} == {"first": "FAILED"}
    assert "the reason" in output


def stubborn(project: Path) -> None:
    """Make the first stage one that starts a child, ignores SIGTERM and takes forever."""
    (project / "stage.sh").write_text(
        "trap '' TERM; sleep 600 & echo $! > child.pid; echo $$ > shell.pid; wait; sleep 600\n"
    )
    text = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(
        text.replace("cmd: cp source.txt first.txt", "cmd: sh stage.sh")
    )


def alive(pid_file: Path) -> bool:
    path = Path("/proc", pid_file.read_text().strip(), "stat")
    return path.exists() and path.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ending_the_flow_ends_every_process_of_the_stage(
    server: Server, project: Path, number: signal.Signals
) -> None:
    stubborn(project)
    process = start_flow(server, project, targets=("first",))
    pids = [project / "child.pid", project / "shell.pid"]
    until(lambda: all(pid.exists() and pid.read_text() for pid in pids), 300, "no stage began")
    assert all(alive(pid) for pid in pids)
    os.kill(process.pid, number)
    process.communicate(timeout=300)
    assert process.returncode != 0
    until(lambda: not any(alive(pid) for pid in pids), 120, "processes of the stage are left")


def test_a_stage_that_takes_too_long_is_stopped(server: Server, project: Path) -> None:
    stubborn(project)
    status, output = run_flow(server, project, targets=("first",), stage_hours=6 / 3600)
    assert status != 0
    assert "was stopped after 6 s" in output
    assert not alive(project / "child.pid")


def test_without_the_limit_a_gpu_stage_does_not_go_ahead(server: Server, project: Path) -> None:
    httpx.delete(f"{server.url}/v2/concurrency_limits/gpu", timeout=30)
    text = (project / "dvc.yaml").read_text().replace("middle", "train")
    (project / "dvc.yaml").write_text(text)
    status, output = run_flow(server, project, targets=("train",), gpu=True)
    assert status != 0
    assert "gpu" in output
    assert not (project / "train.txt").exists()
    httpx.post(
        f"{server.url}/v2/concurrency_limits/",
        json={"name": "gpu", "limit": 1},
        timeout=30,
    ).raise_for_status()
    status, output = run_flow(server, project, targets=("train",), gpu=True)
    assert status == 0, output
    limit = httpx.get(f"{server.url}/v2/concurrency_limits/gpu", timeout=30).json()
    assert (limit["limit"], limit["active_slots"]) == (1, 0)


def test_it_commits_and_pushes_only_if_told_to_and_another_clone_pulls(
    server: Server, project: Path, tmp_path: Path
) -> None:
    def call(*command: str, folder: Path = project) -> str:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout

    dvc = [sys.executable, "-m", "dvc"]
    storage = tmp_path / "storage"
    call(*dvc, "remote", "add", "--default", "storage", str(storage))
    call("git", "config", "user.name", "Worker")
    call("git", "config", "user.email", "worker@example.com")
    call("git", "add", ".")
    call("git", "commit", "-q", "-m", "Begin")
    assert run_flow(server, project)[0] == 0
    assert call("git", "log", "--format=%s").splitlines() == ["Begin"]
    assert not storage.exists()
    status, output = run_flow(server, project, commit=True, push=True)
    assert status == 0, output
    subjects = ["Record the pipeline's last run", "Begin"]
    assert call("git", "log", "--format=%s").splitlines() == subjects
    call("git", "clone", "-q", str(project), str(tmp_path / "clone"))
    call(*dvc, "pull", folder=tmp_path / "clone")
    assert (tmp_path / "clone" / "last.txt").read_text() == "source\nsource\n"
    # Nothing changed since, so there is nothing to commit.
    assert run_flow(server, project, commit=True)[0] == 0
    assert call("git", "log", "--format=%s").splitlines() == subjects
