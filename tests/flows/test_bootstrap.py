"""What the deployments lean on is made once, and brought up to date after that."""

import httpx
import pytest

from flows.bootstrap import bootstrap
from tests.flows.conftest import Server

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


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(httpx.ConnectError):
        bootstrap("http://127.0.0.1:1/api", gpus=1)
