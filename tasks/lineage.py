"""Where a result comes from: commit, dvc.lock, seeds, hashes of what was read, the flow run."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

from tasks.stage import PARAMS

LOCK = Path("dvc.lock")
FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""Environment variable that says which Prefect run a stage belongs to."""


def lineage(data: Sequence[Path]) -> dict[str, str]:
    """Tags that lead from a result back to its sources; what isn't known is left out."""
    tags = {"git_commit": _git("rev-parse", "HEAD")}
    if tags["git_commit"]:
        tags["git_dirty"] = str(bool(_git("status", "--porcelain"))).lower()
    if LOCK.is_file():
        tags["dvc_lock_sha256"] = _digest(LOCK)
    for path in data:
        if path.is_file():
            tags[f"sha256.{path}"] = _digest(path)
    tags["prefect_flow_run"] = os.environ.get(FLOW_RUN, "")
    tags["seeds"] = _seeds()
    tags["hardware"] = hardware()
    return {name: value for name, value in tags.items() if value}


def hardware() -> str:
    """The accelerator, or the processor with its number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def _seeds() -> str:
    """ "synthesize 7, warmup 1, …": every section of params with a seed."""
    if not PARAMS.is_file():
        return ""
    sections = yaml.safe_load(PARAMS.read_text()).items()
    return ", ".join(
        f"{name} {section['seed']}" for name, section in sections if "seed" in (section or ())
    )


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
