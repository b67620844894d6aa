"""Whether this machine can run the pipeline, and what to do where it can't."""

import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlparse

PACKAGES = ("torch", "transformers", "peft", "prefect", "dvc", "mlflow", "great-expectations")
LEAST_FREE = 5 * 2**30
"""Bytes that a run of the default size wants for data, models and DVC's cache."""
_SECONDS = 2.0


class Health(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, and what to do, "" where nothing needs doing."""

    name: str
    health: Health
    detail: str
    remedy: str = ""


def examine(root: Path) -> list[Finding]:
    """All findings about this machine and the project in `root`; nothing is changed."""
    checks: tuple[Callable[[Path], Finding], ...] = (
        _python,
        _packages,
        _commands,
        _accelerator,
        _disk,
        _project,
        _remote,
        _mlflow,
        _prefect,
        _identity,
        _keys,
    )
    return [check(root) for check in checks]


def _python(_: Path) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        return Finding("Python", Health.GOOD, version)
    return Finding("Python", Health.BAD, version, "install Python 3.11 and run `make` again")


def _packages(_: Path) -> Finding:
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        remedy = "run `make` in the project: it installs what requirements.lock names"
        return Finding("packages", Health.BAD, f"missing: {', '.join(missing)}", remedy)
    return Finding("packages", Health.GOOD, ", ".join(versions))


def _commands(_: Path) -> Finding:
    missing = [name for name in ("git",) if shutil.which(name) is None]
    if missing:
        return Finding("commands", Health.BAD, "git is not on the PATH", "install git")
    return Finding("commands", Health.GOOD, "git")


def _accelerator(_: Path) -> Finding:
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        detail = (
            f"{torch.cuda.get_device_name()}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free"
        )
        return Finding("accelerator", Health.GOOD, detail)
    return Finding(
        "accelerator",
        Health.GOOD,
        f"none; {os.cpu_count()} processor cores, enough for policy.base: scratch",
    )


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    detail = f"{free / 2**30:.1f} GiB free"
    if free >= LEAST_FREE:
        return Finding("disk", Health.GOOD, detail)
    return Finding("disk", Health.WARNING, detail, "make room, or run `dvc gc --workspace`")


def _project(root: Path) -> Finding:
    missing = [name for name in ("dvc.yaml", "params.yaml", ".git") if not (root / name).exists()]
    if missing:
        remedy = "go to the folder that you cloned, or give it with --root"
        return Finding("project", Health.BAD, f"{root} has no {', '.join(missing)}", remedy)
    return Finding("project", Health.GOOD, str(root))


def _remote(root: Path) -> Finding:
    done = _dvc(root, "remote", "list")
    remotes = done.strip().splitlines()
    if remotes:
        return Finding("DVC remote", Health.GOOD, "; ".join(" ".join(r.split()) for r in remotes))
    return Finding(
        "DVC remote",
        Health.WARNING,
        "none: data and models stay on this machine",
        "dvc remote add --default storage /some/folder (or s3://…), then dvc push",
    )


def _mlflow(_: Path) -> Finding:
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if not uri.startswith("http"):
        return Finding("MLflow", Health.GOOD, uri)
    if _answers(uri):
        return Finding("MLflow", Health.GOOD, f"{uri} answers")
    remedy = "start it (`docker compose up mlflow`), or unset MLFLOW_TRACKING_URI"
    return Finding("MLflow", Health.BAD, f"{uri} does not answer", remedy)


def _prefect(_: Path) -> Finding:
    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        return Finding(
            "Prefect",
            Health.WARNING,
            "PREFECT_API_URL is not set: `dvc repro` works, schedules don't",
            "prefect server start, then export PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
    if _answers(url):
        return Finding("Prefect", Health.GOOD, f"{url} answers")
    remedy = "start it with `prefect server start`, or correct PREFECT_API_URL"
    return Finding("Prefect", Health.BAD, f"{url} does not answer", remedy)


def _identity(_: Path) -> Finding:
    if os.environ.get("EDGAR_IDENTITY"):
        return Finding("EDGAR identity", Health.GOOD, "set")
    return Finding(
        "EDGAR identity",
        Health.WARNING,
        "EDGAR_IDENTITY is not set; the SEC refuses anonymous downloads",
        'export EDGAR_IDENTITY="Your Name you@example.com" (only to fetch filings)',
    )


def _keys(_: Path) -> Finding:
    if os.environ.get("ANTHROPIC_API_KEY"):
        return Finding("API keys", Health.GOOD, "ANTHROPIC_API_KEY is set")
    return Finding(
        "API keys", Health.GOOD, "no ANTHROPIC_API_KEY: prompted baselines will be left out"
    )


def _answers(url: str) -> bool:
    parts = urlparse(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=_SECONDS):
            return True
    except OSError:
        return False


def _dvc(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""
