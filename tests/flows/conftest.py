"""A Prefect server on loopback and a small DVC pipeline to run under it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.bootstrap import Patient

REPOSITORY = Path(__file__).resolve().parents[2]
PREFECT = [sys.executable, "-m", "prefect"]

DVC_YAML = """
stages:
  last:
    cmd: >-
      cat middle.txt side.txt > last.txt && echo '{"score": 0.5}' > metrics.json
    deps: [middle.txt, side.txt]
    outs: [last.txt]
    metrics:
      - metrics.json:
          cache: false
  side:
    cmd: cp first.txt side.txt
    deps: [first.txt]
    outs: [side.txt]
  middle:
    cmd: cat first.txt > middle.txt && echo a line from middle
    deps: [first.txt]
    outs: [middle.txt]
  first:
    cmd: cp source.txt first.txt
    deps: [source.txt]
    outs: [first.txt]
"""


@dataclass(frozen=True)
class Server:
    """A running Prefect server: its API's address and the environment that leads to it."""

    url: str
    environment: dict[str, str]

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a POST, as JSON."""
        return self._ask("POST", path, body)

    def get(self, path: str) -> Any:
        """The answer to a GET, as JSON."""
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        with httpx.Client(transport=Patient(), timeout=60) as client:
            response = client.request(method, f"{self.url}{path}", json=body)
        response.raise_for_status()
        return response.json()

    def flow_runs(self) -> list[dict[str, Any]]:
        """All flow runs that started, the newest first; other tests may have planned some."""
        runs: list[dict[str, Any]] = self.post("/flow_runs/filter", sort="START_TIME_DESC")
        return [run for run in runs if run["start_time"]]

    def artifacts(self, flow_run: str) -> dict[str, str]:
        """What one flow run left to be read, by key."""
        rows = self.post("/artifacts/filter", flow_runs={"id": {"any_": [flow_run]}})
        return {row["key"]: row["data"] for row in rows}

    def logged(self, flow_run: str) -> str:
        """The log of one flow run and its tasks."""
        chosen = {"flow_run_id": {"any_": [flow_run]}}
        rows: list[dict[str, Any]] = []
        while page := self.post(
            "/logs/filter", logs=chosen, sort="TIMESTAMP_ASC", offset=len(rows)
        ):
            rows += page
        return "\n".join(row["message"] for row in rows)

    def task_runs(self, flow_run: str) -> dict[str, dict[str, Any]]:
        """Task runs of one flow run, by name, in the order in which they began."""
        runs = self.post(
            "/task_runs/filter",
            flow_runs={"id": {"any_": [flow_run]}},
        )
        runs.sort(key=lambda run: run["start_time"] or "")
        return {run["name"]: run for run in runs}


@contextmanager
def prefect_server(home: Path, **variables: str) -> Iterator[Server]:
    """A Prefect server that lives in `home`, with these environment variables beside ours."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_MEMO_STORE_PATH": str(home / "memo.toml"),
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_CLI_PROMPT": "false",
        # A busy machine takes longer over the tables than Prefect has patience for.
        "PREFECT_API_DATABASE_TIMEOUT": "300",
        "PREFECT_API_DATABASE_CONNECTION_TIMEOUT": "60",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(REPOSITORY),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **variables,
    }
    log = (home / "server.log").open("w")
    process = subprocess.Popen(
        [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=environment,
        cwd=home,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    running = Server(environment["PREFECT_API_URL"], environment)
    try:
        until(
            lambda: process.poll() is not None or _healthy(running.url),
            600,
            "the Prefect server did not come up",
        )
        if process.poll() is not None:
            pytest.fail((home / "server.log").read_text()[-2000:])
        yield running
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prefect_server(tmp_path_factory.mktemp("prefect")) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A DVC pipeline of four quick stages, written in an order that is not theirs."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "source.txt").write_text("source\n")
    (root / "dvc.yaml").write_text(DVC_YAML)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True)
    return root


def until(ready: Any, seconds: float, complaint: str) -> Any:
    """What `ready` returns once that is true; it is asked again and again until then."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > deadline:
            pytest.fail(complaint)
        time.sleep(0.1)
    return found


def start_flow(
    server: Server, root: Path, flow: str = "pipeline", **parameters: Any
) -> subprocess.Popen[str]:
    """Run a flow over `root` in a process of its own; without a record in MLflow."""
    if flow != "backfill":
        parameters["record"] = False
    code = (
        f"from pathlib import Path; from flows.{flow} import {flow}; "
        f"{flow}(root=Path({str(root)!r}), **{parameters!r})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=server.environment,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_flow(
    server: Server, root: Path, flow: str = "pipeline", **parameters: Any
) -> tuple[int, str]:
    """Run the flow to its end: exit status and output."""
    process = start_flow(server, root, flow, **parameters)
    output, _ = process.communicate(timeout=600)
    return process.returncode, output


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
