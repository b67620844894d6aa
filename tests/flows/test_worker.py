"""A worker's runs: a failure is told, a cancelled one leaves no process behind."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows.bootstrap import bootstrap
from tests.flows.conftest import Server, until
from tests.flows.test_pipeline import alive, stubborn
from tests.flows.worker import deploy, serving

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]
ON_DEMAND = "/deployments/name/ledgerline/on-demand"


@pytest.fixture
def told() -> Iterator[tuple[str, list[str]]]:
    """Address of a webhook on loopback, and the texts that were posted to it."""
    texts: list[str] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            texts.append(json.loads(body)["text"])
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Webhook) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/", texts
        listening.shutdown()


def test_a_failure_is_told_and_a_cancelled_run_ends_with_its_processes(
    server: Server, project: Path, told: tuple[str, list[str]]
) -> None:
    webhook, texts = told
    bootstrap(server.url, gpus=1, webhook=webhook)
    deploy(server, project, schedules={}, targets=["first"], record=False, retry_seconds=0.1)
    deployment = server.get(ON_DEMAND)["id"]
    good = (project / "dvc.yaml").read_text()
    with serving(server, project):
        (project / "dvc.yaml").write_text(good.replace("cp source.txt first.txt", "exit 3"))
        run = server.post(f"/deployments/{deployment}/create_flow_run")["id"]
        until(lambda: state(server, run) == "FAILED", 900, "the run did not fail")
        until(lambda: texts, 300, "nobody was told")
        assert texts[0].startswith("ledgerline / pipeline: ")
        assert "first failed" in texts[0]

        (project / "dvc.yaml").write_text(good)
        stubborn(project)
        run = server.post(f"/deployments/{deployment}/create_flow_run")["id"]
        pids = [project / "child.pid", project / "shell.pid"]
        until(lambda: all(pid.exists() and pid.read_text() for pid in pids), 900, "no stage began")
        assert all(alive(pid) for pid in pids)
        wanted = {"type": "CANCELLING", "name": "Cancelling"}
        server.post(f"/flow_runs/{run}/set_state", state=wanted)
        until(lambda: state(server, run) == "CANCELLED", 600, "the run was not cancelled")
        until(lambda: not any(alive(pid) for pid in pids), 300, "processes of the stage are left")


def state(server: Server, run: str) -> str:
    found: str = server.get(f"/flow_runs/{run}")["state_type"]
    return found
