"""What the deployments lean on, made once per Prefect server: `python -m flows.bootstrap`.

A work pool that runs one flow at a time (the flows share one workspace), the limit "gpu", and
automations: a run whose heartbeats stop is declared crashed, a crashed run of the pipeline is
started again (its stages resume where they were), a failed one is told to a webhook. Making
them again changes nothing.
"""

import argparse
import json
import os
from typing import Any

import httpx

POOL = "ledgerline"
GPU = "gpu"
SILENT_SECONDS = 100
"""Heartbeats come every 30 s, as prefect.yaml sets; three missed ones mean that a run is gone."""
_TIMEOUT = 30.0


def bootstrap(url: str, gpus: int, webhook: str) -> list[str]:
    """Make what is missing on the server at `url`; returns a line for each thing.

    Raises httpx.HTTPError when the server refuses.
    """
    client = httpx.Client(base_url=url, timeout=_TIMEOUT)
    lines = [_pool(client), _limit(client, gpus)]
    wanted = [_declare_crashed(), _start_again()]
    if webhook:
        wanted.append(_tell(_webhook_block(client, webhook)))
    present = {row["name"] for row in _checked(client.post("automations/filter", json={}))}
    for automation in wanted:
        if automation["name"] in present:
            lines.append(f"automation “{automation['name']}” is there")
        else:
            _checked(client.post("automations/", json=automation))
            lines.append(f"automation “{automation['name']}” made")
    return lines


def _pool(client: httpx.Client) -> str:
    if client.get(f"work_pools/{POOL}").status_code == httpx.codes.OK:
        return f"work pool {POOL} is there"
    pool = {"name": POOL, "type": "process", "concurrency_limit": 1}
    _checked(client.post("work_pools/", json=pool))
    return f"work pool {POOL} made, one flow at a time"


def _limit(client: httpx.Client, gpus: int) -> str:
    found = client.get(f"v2/concurrency_limits/{GPU}")
    if found.status_code == httpx.codes.OK:
        _checked(client.patch(f"v2/concurrency_limits/{GPU}", json={"limit": gpus}))
        return f"limit {GPU} set to {gpus}"
    _checked(client.post("v2/concurrency_limits/", json={"name": GPU, "limit": gpus}))
    return f"limit {GPU} made: {gpus}"


def _declare_crashed() -> dict[str, Any]:
    return {
        "name": "ledgerline: a run whose heartbeats stop has crashed",
        "trigger": {
            "type": "event",
            "posture": "Proactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "for_each": ["prefect.resource.id"],
            "after": ["prefect.flow-run.heartbeat"],
            "expect": [
                "prefect.flow-run.heartbeat",
                "prefect.flow-run.Completed",
                "prefect.flow-run.Failed",
                "prefect.flow-run.Cancelled",
                "prefect.flow-run.Crashed",
            ],
            "threshold": 1,
            "within": SILENT_SECONDS,
        },
        "actions": [
            {
                "type": "change-flow-run-state",
                "state": "CRASHED",
                "message": "no heartbeat: the worker or its machine is gone",
            }
        ],
    }


def _start_again() -> dict[str, Any]:
    return {
        "name": "ledgerline: a crashed run is started again",
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "match_related": {
                "prefect.resource.name": ["ledgerline", "ledgerline-refresh"],
                "prefect.resource.role": "flow",
            },
            "expect": ["prefect.flow-run.Crashed"],
            "threshold": 1,
            "within": 0,
        },
        "actions": [{"type": "run-deployment", "source": "inferred"}],
    }


def _tell(block: str) -> dict[str, Any]:
    return {
        "name": "ledgerline: tell of failures",
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "expect": ["prefect.flow-run.Failed", "prefect.flow-run.TimedOut"],
            "threshold": 1,
            "within": 0,
        },
        "actions": [
            {
                "type": "call-webhook",
                "block_document_id": block,
                "payload": json.dumps(
                    {"text": "{{ flow.name }} / {{ flow_run.name }}: {{ flow_run.state.message }}"}
                ),
            }
        ],
    }


def _webhook_block(client: httpx.Client, url: str) -> str:
    """Id of a webhook block that posts to `url`."""
    os.environ["PREFECT_API_URL"] = str(client.base_url).rstrip("/")
    from prefect.blocks.webhook import Webhook

    return str(Webhook(method="POST", url=url).save("ledgerline-failures", overwrite=True))


def _checked(response: httpx.Response) -> Any:
    response.raise_for_status()
    return response.json() if response.content else None


def main() -> None:
    """Read the command line, make what is missing, say so."""
    parser = argparse.ArgumentParser(description="Make what the deployments lean on.")
    parser.add_argument("--gpus", type=int, default=1, help="how many stages may hold a GPU")
    parser.add_argument("--webhook", default="", help="where failures are posted as JSON")
    chosen = parser.parse_args()
    url = os.environ.get("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    for line in bootstrap(url, chosen.gpus, chosen.webhook):
        print(line)


if __name__ == "__main__":
    main()
