"""What the deployments lean on, made once per Prefect server: `python -m flows.bootstrap`.

A work pool that runs one flow at a time (the flows share one workspace), the limit "gpu", and
automations: a run whose heartbeats stop is declared crashed, a crashed run is started again
(its stages resume where they were), but no more than once a day, one that failed is told to a
webhook. Making them again brings them up to date and changes nothing else.
"""

import argparse
import os
import time
from typing import Any

import httpx
from prefect.blocks.webhook import Webhook
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.steps import GPU

POOL = "ledgerline"
FLOWS = ("ledgerline", "ledgerline-refresh", "ledgerline-backfill", "ledgerline-shards")
SILENT_SECONDS = 100
"""Heartbeats come every 30 s, as prefect.yaml sets; three missed ones mean that a run is gone."""
RESTART_HOURS = 24.0
"""Of a deployment one crashed run in so long is started again: the next needs a person."""
_TIMEOUT = 30.0


class Patient(httpx.HTTPTransport):
    """Asks again where the server is busy: on SQLite, two writers at once make Prefect say 503."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for seconds in (0.5, 1, 2, 4, 8):
            response = super().handle_request(request)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return response
            response.close()
            time.sleep(seconds)
        return super().handle_request(request)


def bootstrap(
    url: str,
    gpus: int,
    webhook: str = "",
    silent_seconds: int = SILENT_SECONDS,
    restart_hours: float = RESTART_HOURS,
) -> list[str]:
    """Make what is missing on the server at `url`; returns a line for each thing.

    `gpus` is how many stages may hold a GPU at once; failures are posted to `webhook`, if given.
    Of each deployment one crashed run in `restart_hours` is started again.
    Raises httpx.HTTPError when the server can't be reached or refuses.
    """
    with httpx.Client(base_url=url, timeout=_TIMEOUT, transport=Patient()) as client:
        lines = [_pool(client), _limit(client, gpus)]
        wanted = [_declare_crashed(silent_seconds), _start_again(restart_hours)]
        if webhook:
            wanted.append(_tell(_webhook_block(client, webhook)))
        present = {
            row["name"]: row["id"] for row in _checked(client.post("automations/filter", json={}))
        }
        for automation in wanted:
            name = automation["name"]
            if name in present:
                _checked(client.put(f"automations/{present[name]}", json=automation))
                lines.append(f"automation “{name}” is up to date")
            else:
                _checked(client.post("automations/", json=automation))
                lines.append(f"automation “{name}” made")
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


def _declare_crashed(silent_seconds: int) -> dict[str, Any]:
    return _automation(
        "a run whose heartbeats stop has crashed",
        ["heartbeat", "Completed", "Failed", "Cancelled", "Crashed"],
        {
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "message": "no heartbeat: the worker or its machine is gone",
        },
        posture="Proactive",
        after=["prefect.flow-run.heartbeat"],
        for_each=["prefect.resource.id"],
        within=silent_seconds,
    )


def _start_again(hours: float) -> dict[str, Any]:
    # A reactive trigger acts on the first event and sleeps for the rest of its period.
    return _automation(
        "a crashed run is started again",
        ["Crashed"],
        {"type": "run-deployment", "source": "inferred"},
        for_each=["related:deployment:prefect.resource.id"],
        within=3600 * hours,
    )


def _tell(block: str) -> dict[str, Any]:
    # A message has lines and quotes, which JSON wants escaped.
    text = '{{ (flow.name ~ " / " ~ flow_run.name ~ ": " ~ flow_run.state.message) | tojson }}'
    return _automation(
        "tell of failures",
        ["Failed", "TimedOut", "Crashed"],
        {
            "type": "call-webhook",
            "block_document_id": block,
            "payload": f'{{"text": {text}}}',
        },
    )


def _automation(
    name: str, states: list[str], action: dict[str, Any], **trigger: Any
) -> dict[str, Any]:
    """An automation on runs of our flows entering one of `states`, unless `trigger` says else."""
    return {
        "name": f"ledgerline: {name}",
        "trigger": {
            "type": "event",
            "posture": "Reactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "match_related": {
                "prefect.resource.name": list(FLOWS),
                "prefect.resource.role": "flow",
            },
            "expect": [f"prefect.flow-run.{state}" for state in states],
            "threshold": 1,
            "within": 0,
            **trigger,
        },
        "actions": [action],
    }


def _webhook_block(client: httpx.Client, url: str) -> str:
    """Id of a webhook block that posts to `url`."""
    with temporary_settings({PREFECT_API_URL: str(client.base_url).rstrip("/")}):
        headers = {"Content-Type": "application/json"}
        block = Webhook(method="POST", url=url, headers=headers)
        return str(block.save("ledgerline-failures", overwrite=True))


def _checked(response: httpx.Response) -> Any:
    response.raise_for_status()
    return response.json() if response.content else None


def main() -> None:
    """Read the command line, make what is missing, say so."""
    parser = argparse.ArgumentParser(description="Make what the deployments lean on.")
    parser.add_argument("--gpus", type=int, default=1, help="how many stages may hold a GPU")
    parser.add_argument("--webhook", default="", help="where failures are posted as JSON")
    parser.add_argument(
        "--restart-hours",
        type=float,
        default=RESTART_HOURS,
        help="a crashed run is started again once in so long",
    )
    chosen = parser.parse_args()
    url = os.environ.get("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    try:
        lines = bootstrap(url, chosen.gpus, chosen.webhook, restart_hours=chosen.restart_hours)
    except httpx.HTTPError as error:
        raise SystemExit(
            f"bootstrap: {url}: {error}; is the server up? `prefect server start`"
        ) from None
    print("\n".join(lines))


if __name__ == "__main__":
    main()
