"""What the deployments lean on is made once, and brought up to date after that."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from flows.bootstrap import FLOWS, Patient, bootstrap
from tests.flows.conftest import Server, until

pytestmark = pytest.mark.slow


def test_it_makes_what_is_missing_and_then_only_updates_it(server: Server) -> None:
    made = bootstrap(server.url, gpus=1, webhook="http://127.0.0.1:1/failures")
    assert len(made) == 5
    again = bootstrap(server.url, gpus=2, webhook="http://127.0.0.1:1/failures")
    assert not any(line.endswith("made") for line in again)
    limit = server.get("/v2/concurrency_limits/gpu")
    assert (limit["limit"], limit["active_slots"]) == (2, 0)
    pool = server.get("/work_pools/ledgerline")
    assert (pool["type"], pool["concurrency_limit"]) == ("process", 1)
    names = [row["name"] for row in server.post("/automations/filter")]
    assert sorted(names) == [
        "ledgerline: a crashed run is started again",
        "ledgerline: a run whose heartbeats stop has crashed",
        "ledgerline: tell of failures",
    ]


def test_a_deployment_with_a_schedule_gets_its_runs(server: Server) -> None:
    hourly = {"schedule": {"cron": "0 * * * *", "timezone": "America/New_York"}}
    deployment = server.post(
        "/deployments/",
        name="hourly",
        flow_id=server.post("/flows/", name=FLOWS[0])["id"],
        schedules=[hourly],
    )["id"]
    chosen = {"deployment_id": {"any_": [deployment]}}

    def coming() -> list[dict[str, Any]]:
        return server.post("/flow_runs/filter", flow_runs=chosen, sort="EXPECTED_START_TIME_ASC")

    runs = until(coming, 120, "no run was scheduled")
    assert runs[0]["state_type"] == "SCHEDULED"
    assert "auto-scheduled" in runs[0]["tags"]
    first = datetime.fromisoformat(runs[0]["expected_start_time"])
    assert timedelta(0) < first - datetime.now(UTC) <= timedelta(hours=1)


def test_a_busy_server_is_asked_again() -> None:
    statuses = [503, 503, 200]

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.rfile.read(int(self.headers["Content-Length"])) == b'{"limit":1}'
            self.send_response(statuses.pop(0))
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Busy) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        with httpx.Client(transport=Patient()) as client:
            answer = client.post(f"http://127.0.0.1:{listening.server_port}/", json={"limit": 1})
        listening.shutdown()
    assert answer.status_code == 200
    assert not statuses


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(httpx.ConnectError):
        bootstrap("http://127.0.0.1:1/api", gpus=1)


def test_what_crashes_again_is_not_started_for_ever(server: Server) -> None:
    bootstrap(server.url, gpus=1)
    flow = server.post("/flows/", name=FLOWS[0])["id"]
    crashing, other = (
        server.post("/deployments/", name=f"crashing-{number}", flow_id=flow)["id"]
        for number in range(2)
    )
    crash(server, server.post(f"/deployments/{crashing}/create_flow_run")["id"])
    again = until(lambda: started_again(server, crashing), 120, "no run took its place")
    crash(server, again[0])
    # Events are handled in turn: once the other's run is there, the second crash was weighed.
    crash(server, server.post(f"/deployments/{other}/create_flow_run")["id"])
    until(lambda: started_again(server, other), 120, "the other deployment's run was not replaced")
    assert started_again(server, crashing) == again


def crash(server: Server, run: str) -> None:
    state = {"type": "CRASHED", "name": "Crashed", "message": "the machine is gone"}
    server.post(f"/flow_runs/{run}/set_state", state=state, force=True)


def started_again(server: Server, deployment: str) -> list[str]:
    """Ids of the deployment's runs that an automation started."""
    chosen = {"deployment_id": {"any_": [deployment]}}
    runs = server.post("/flow_runs/filter", flow_runs=chosen)
    return [run["id"] for run in runs if (run["created_by"] or {}).get("type") == "AUTOMATION"]
