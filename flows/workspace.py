"""What a flow asks of the workspace that it runs in: DVC's view of it, and git's."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from flows.stage import environment
from ledgerline.errors import LedgerlineError


def output_hashes(root: Path) -> dict[str, str]:
    """Path → hash of every output that dvc.lock records."""
    lock = root / "dvc.lock"
    if not lock.is_file():
        return {}
    stages: dict[str, Any] = (yaml.safe_load(lock.read_text()) or {}).get("stages", {})
    return {
        out["path"]: str(out.get("md5", ""))
        for entry in stages.values()
        for out in entry.get("outs", [])
    }


def is_up_to_date(root: Path, *stages: str) -> bool:
    """Whether DVC has nothing to run of `stages`."""
    return "up to date" in dvc(root, "status", *stages)


def check_up_to_date(root: Path, stages: list[str]) -> None:
    """Running stage by stage skips DVC's own check of the whole; so ask once at the end.

    Raises LedgerlineError naming what is out of date.
    """
    if not is_up_to_date(root, *stages):
        left = dvc(root, "status", *stages)
        raise LedgerlineError(f"after the run, stages are still out of date:\n{left}")


def metrics_table(root: Path) -> str:
    """DVC's metrics as a Markdown table; "" before the first whole run."""
    status, output = _run(root, [sys.executable, "-m", "dvc", "metrics", "show", "--md"])
    return "" if status else output


def record(root: Path, flow_run: str) -> str:
    """Keep dvc.lock in MLflow, tagged with the Prefect run; the id of the run that has it there."""
    status, output = _run(root, [sys.executable, "-m", "tasks.record"], environment(flow_run))
    if status:
        raise LedgerlineError(f"dvc.lock could not be kept in MLflow:\n{output}")
    return output.split()[-1]


def commit(root: Path) -> None:
    """Commit dvc.lock and the reports, if they changed.

    Raises LedgerlineError when git refuses.
    """
    paths = [name for name in ("dvc.lock", "reports") if (root / name).exists()]
    _git(root, "add", *paths)
    if _run(root, ["git", "diff", "--cached", "--quiet", "--", *paths])[0]:
        _git(root, "commit", "-m", "Record the pipeline's last run", "--", *paths)


def push(root: Path) -> None:
    """Send data and models to DVC's remote."""
    dvc(root, "push")


def dvc(root: Path, *arguments: str) -> str:
    """The output of a DVC command in `root`; LedgerlineError with it when the command fails."""
    status, output = _run(root, [sys.executable, "-m", "dvc", *arguments])
    if status:
        raise LedgerlineError(f"dvc {' '.join(arguments)} failed:\n{output}")
    return output


def _git(root: Path, *arguments: str) -> None:
    status, output = _run(root, ["git", *arguments])
    if status:
        raise LedgerlineError(f"git {' '.join(arguments)} failed:\n{output}")


def _run(
    root: Path, command: list[str], variables: dict[str, str] | None = None
) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=root, env=variables, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")
