"""The pipeline under Prefect: each DVC stage a task with its own state, log and retries.

The graph comes from dvc.yaml. DVC decides whether a stage must run, so Prefect's own caching
stays off. `python -m flows.pipeline` runs it once, here.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.graph import stages_in_order
from flows.stage import TransportFailed, reproduce
from ledgerline.errors import LedgerlineError

HERE = Path(__file__).resolve().parents[1]
GPU_STAGES = frozenset({"warmup", "train", "evaluate", "promote"})
RESULT_TABLE = Path("reports/evaluation/table.md")
DATA_DOCS = Path("reports/data_docs/index.html")
HOUR = 3600.0


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
    with _gpu() if gpu else _nothing():
        reproduce(name, root, seconds, get_run_logger(), force, str(flow_run.id or ""))


@flow(name="ledgerline", flow_run_name="pipeline")
def pipeline(
    root: Path = HERE,
    targets: tuple[str, ...] = (),
    force: tuple[str, ...] = (),
    gpu: bool = False,
    stage_hours: float = 12.0,
    retry_seconds: float = 60.0,
    commit: bool = False,
    push: bool = False,
) -> dict[str, str]:
    """Bring `targets` (all stages, without targets) and what they need up to date, in order.

    `force` names stages to run although nothing changed. With `gpu`, stages that use one hold
    the concurrency limit "gpu", which must exist (`python -m flows.bootstrap`). A stage is
    stopped after `stage_hours`; one that could not reach a server is tried again after
    `retry_seconds`, and twice more, waiting four times as long each time. `commit`
    commits dvc.lock and the reports, `push` sends DVC's data to its remote; neither happens
    unless told to. Returns the hash of each stage's outputs afterwards.
    """
    logger = get_run_logger()
    plan = stages_in_order(root, tuple(targets))
    logger.info("stages, from dvc.yaml: %s", " → ".join(step.name for step in plan))
    for step in plan:
        named = stage.with_options(
            name=step.name,
            retry_delay_seconds=[retry_seconds, 4 * retry_seconds, 16 * retry_seconds],
            retry_jitter_factor=0.5,
        )
        named(
            step.name,
            root,
            stage_hours * HOUR,
            gpu and step.name in GPU_STAGES,
            step.name in force,
        )
    _check_up_to_date(root, [step.name for step in plan])
    publish(root)
    if commit:
        _commit(root)
    if push:
        _dvc(root, "push")
    return output_hashes(root)


def publish(root: Path) -> None:
    """Leave the result table and links to the pages as artifacts of the flow run."""
    table = root / RESULT_TABLE
    metrics = _dvc(root, "metrics", "show", "--md")
    text = table.read_text() if table.is_file() else ""
    create_markdown_artifact(
        key="result",
        markdown=f"{text}\n\n### Metrics\n\n{metrics}".strip(),
        description="Result table and metrics of the last run",
    )
    if (root / DATA_DOCS).is_file():
        create_link_artifact(
            key="data-docs",
            link=(root / DATA_DOCS).resolve().as_uri(),
            link_text="Data Docs: what was wrong with the filings",
        )
    report = root / "reports" / "evaluation.html"
    if report.is_file():
        create_link_artifact(
            key="evaluation-report", link=report.resolve().as_uri(), link_text="Evaluation report"
        )


def output_hashes(root: Path) -> dict[str, str]:
    """Path → hash of every output that dvc.lock records."""
    import yaml

    lock = root / "dvc.lock"
    if not lock.is_file():
        return {}
    stages = (yaml.safe_load(lock.read_text()) or {}).get("stages", {})
    return {
        out["path"]: str(out.get("md5", ""))
        for entry in stages.values()
        for out in entry.get("outs", [])
    }


def _check_up_to_date(root: Path, names: list[str]) -> None:
    """Running stage by stage skips DVC's own check of the whole; so ask once at the end."""
    left = _dvc(root, "status", *names)
    if "up to date" not in left:
        raise LedgerlineError(f"after the run, stages are still out of date:\n{left}")


def _commit(root: Path) -> None:
    for command in (
        ["git", "add", "dvc.lock", "reports"],
        ["git", "commit", "-m", "Record the pipeline's last run", "--", "dvc.lock", "reports"],
    ):
        status, output = _run(root, command)
        if status and "nothing to commit" not in output:
            raise LedgerlineError(f"{' '.join(command)} failed: {output}")


def _dvc(root: Path, *arguments: str) -> str:
    status, output = _run(root, [sys.executable, "-m", "dvc", *arguments])
    if status:
        raise LedgerlineError(f"dvc {' '.join(arguments)} failed:\n{output}")
    return output


def _run(root: Path, command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


@contextmanager
def _gpu() -> Iterator[None]:
    # strict: without the limit Prefect would go on as if it held it.
    with concurrency("gpu", occupy=1, strict=True, raise_on_lease_renewal_failure=False):
        yield


@contextmanager
def _nothing() -> Iterator[None]:
    yield


if __name__ == "__main__":
    pipeline()
