"""A worker that serves a project's deployments, for tests that schedule, kill and cancel."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from flows.bootstrap import POOL
from tests.flows.conftest import PREFECT, REPOSITORY, Server


def deploy(server: Server, root: Path, schedules: dict[str, str], **parameters: object) -> None:
    """Deploy the project's own prefect.yaml from `root`.

    `schedules` gives deployments another cron line; the others get none. `parameters` are added
    to those of the deployments of the whole pipeline.
    """
    shutil.copytree(REPOSITORY / "flows", root / "flows", dirs_exist_ok=True)
    content = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
    for deployment in content["deployments"]:
        deployment["schedules"] = [
            {**schedule, "cron": schedules[deployment["name"]]}
            for schedule in deployment.get("schedules", [])
            if deployment["name"] in schedules
        ]
        if deployment["name"] in ("weekly-improve", "on-demand"):
            deployment["parameters"] = {**deployment.get("parameters", {}), **parameters}
    (root / "prefect.yaml").write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [*PREFECT, "--no-prompt", "deploy", "--all"],
        cwd=root,
        env=environment(server, root),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def environment(server: Server, root: Path) -> dict[str, str]:
    """What the worker's terminal would export."""
    return {**server.environment, "LEDGERLINE_ROOT": str(root), "PYTHONPATH": str(root)}


def start_worker(server: Server, root: Path) -> subprocess.Popen[bytes]:
    """A worker at the head of a process group that holds the flow runs it starts."""
    log = (root / "worker.log").open("ab")
    with log:
        return subprocess.Popen(
            [*PREFECT, "worker", "start", "--pool", POOL],
            cwd=root,
            env=environment(server, root),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill(worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL the worker and the flow runs that it started, as a machine's end would."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


@contextmanager
def serving(server: Server, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker for as long as the block lasts."""
    worker = start_worker(server, root)
    try:
        yield worker
    finally:
        if worker.poll() is None:
            kill(worker)
