"""The whole pipeline under Prefect, in the order that dvc.yaml states.

`python -m flows.pipeline` runs it once, here; prefect.yaml has its deployments.
"""

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows import workspace
from flows.graph import stages_in_order
from flows.steps import bring_up_to_date, keep_lock

HERE = Path(__file__).resolve().parents[1]


@flow(name="ledgerline", flow_run_name="pipeline")
def pipeline(
    root: Path = HERE,
    targets: tuple[str, ...] = (),
    force: tuple[str, ...] = (),
    gpu: bool = False,
    stage_hours: float = 12.0,
    retry_seconds: float = 60.0,
    record: bool = True,
    commit: bool = False,
    push: bool = False,
) -> dict[str, str]:
    """Bring `targets` (all stages, without targets) and what they need up to date, in order.

    `record` keeps dvc.lock in MLflow; `commit` commits it with the reports, `push` sends DVC's
    data to its remote, and neither happens unless told to. See `bring_up_to_date` for the rest.
    Returns the hash of each stage's outputs afterwards.
    """
    names = [step.name for step in stages_in_order(root, tuple(targets))]
    get_run_logger().info("stages, from dvc.yaml: %s", " → ".join(names))
    bring_up_to_date(root, names, stage_hours, retry_seconds, gpu, force)
    workspace.check_up_to_date(root, names)
    if record:
        keep_lock(root)
    if commit:
        workspace.commit(root)
    if push:
        workspace.push(root)
    return workspace.output_hashes(root)


if __name__ == "__main__":
    pipeline()
