"""Stages as Prefect tasks: each with its own state, log and retries.

DVC decides whether a stage must run, so Prefect's own caching stays off.
"""

import os
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows import workspace
from flows.artifacts import publish
from flows.stage import StageFailed, TransportFailed, reproduce

GPU = "gpu"
GPU_STAGES = frozenset({"warmup", "train", "evaluate", "promote"})
HOUR = 3600.0
LEASE_SECONDS = 90.0
"""The slot of a flow that died is free again after this; one that lives renews its lease."""


def _is_transport(_task: Any, _run: Any, state: Any) -> bool:
    try:
        state.result()
    except TransportFailed:
        return True
    except Exception:
        return False
    return False


@task(
    task_run_name="{name}",
    retries=3,
    retry_condition_fn=_is_transport,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def stage(name: str, root: Path, seconds: float, gpu: bool, force: bool) -> None:
    """Bring one stage up to date; only a failed transport is tried again."""
    # strict: without the limit Prefect would go on as if it held it.
    limit = concurrency(
        GPU, strict=True, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False
    )
    with limit if gpu else nullcontext():
        reproduce(name, root, seconds, get_run_logger(), force, str(flow_run.id or ""))


def bring_up_to_date(
    root: Path,
    names: Sequence[str],
    stage_hours: float,
    retry_seconds: float,
    gpu: bool = False,
    force: Collection[str] = (),
) -> None:
    """Run the stages in this order, then leave the run's artifacts, also where one failed.

    A stage is stopped after `stage_hours`. One that could not reach a server is tried again
    after `retry_seconds`, and twice more, waiting four times as long each time. With `gpu`,
    stages that use one hold the concurrency limit "gpu", which must exist. `force` names stages
    to run although nothing changed. Links among the artifacts go to where the environment says
    that reports/ is served (LEDGERLINE_PAGES) and MLflow is (MLFLOW_TRACKING_URI).

    Raises StageFailed, or one of its kinds.
    """
    addresses = os.environ.get("LEDGERLINE_PAGES", ""), os.environ.get("MLFLOW_TRACKING_URI", "")
    try:
        for name in names:
            named = stage.with_options(
                name=name,
                retry_delay_seconds=[retry_seconds, 4 * retry_seconds, 16 * retry_seconds],
                retry_jitter_factor=0.5,
            )
            named(name, root, stage_hours * HOUR, gpu and name in GPU_STAGES, name in force)
    except StageFailed:
        publish(root, *addresses)
        raise
    publish(root, *addresses)


def keep_lock(root: Path) -> None:
    """Keep dvc.lock in MLflow, in a run that names this flow run."""
    run = workspace.record(root, str(flow_run.id or ""))
    get_run_logger().info("dvc.lock is kept in MLflow run %s", run)
