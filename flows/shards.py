"""The evaluation played in shards beside each other on a Dask cluster, then put together.

Needs the extra `scale`. The cluster's workers must see the workspace at the same path. DVC's
stage `evaluate` does the rest: it takes the shards' records where all of them are there.
"""

import sys
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.logging import get_run_logger

from flows import workspace
from flows.graph import stages_in_order
from flows.pipeline import HERE
from flows.stage import StageFailed, run_logged
from flows.steps import HOUR, bring_up_to_date

STAGE = "evaluate"


@flow(name="ledgerline-shards", flow_run_name="evaluate in {shards} shards")
def evaluate_in_shards(
    root: Path = HERE,
    shards: int = 4,
    scheduler: str = "",
    stage_hours: float = 12.0,
    retry_seconds: float = 60.0,
) -> None:
    """Bring the stage `evaluate` up to date, its examples played in `shards` shards.

    `scheduler` is the address of a Dask cluster's scheduler; without one a cluster of this
    machine is started, a worker for each shard. Raises StageFailed.
    """
    before = [step.name for step in stages_in_order(root, (STAGE,)) if step.name != STAGE]
    bring_up_to_date(root, before, stage_hours, retry_seconds)
    if not workspace.is_up_to_date(root, STAGE):
        play(root, shards, scheduler, stage_hours)
    bring_up_to_date(root, [STAGE], stage_hours, retry_seconds)


def play(root: Path, shards: int, scheduler: str, stage_hours: float) -> None:
    """Play every shard on the cluster, as a flow within the present one."""
    from prefect_dask import DaskTaskRunner

    local = {"n_workers": shards, "threads_per_worker": 1}
    runner = (
        DaskTaskRunner(address=scheduler) if scheduler else DaskTaskRunner(cluster_kwargs=local)
    )
    play_shards.with_options(task_runner=runner)(root, shards, stage_hours)


@flow(name="ledgerline-play", flow_run_name="play {shards} shards")
def play_shards(root: Path, shards: int, stage_hours: float) -> None:
    """Play every shard beside the others; raises StageFailed where one fails."""
    futures = [
        play_shard.submit(root, shard, shards, stage_hours * HOUR) for shard in range(shards)
    ]
    wait(futures)
    for future in futures:
        future.result()


@task(task_run_name="shard {shard}", cache_policy=NO_CACHE, persist_result=False)
def play_shard(root: Path, shard: int, shards: int, seconds: float) -> None:
    """Play one shard in a process of its own, unless its records are there already."""
    command = [sys.executable, "-m", "tasks.play", str(shard), str(shards)]
    status, lines = run_logged(command, root, seconds, get_run_logger())
    if status != 0:
        text = "\n".join(lines)
        raise StageFailed(f"shard {shard} of {shards} ended with {status}:\n{text}")


if __name__ == "__main__":
    evaluate_in_shards()
