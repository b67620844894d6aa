"""The whole project, laid out small in a folder of its own, and commands run there."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

SMALL = Path(__file__).parent / "small.yaml"
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "COLUMNS": "200",
}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """The command's exit status and what it said."""
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    """The command, running, at the head of a process group of its own."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def kill_when(process: subprocess.Popen[str], is_time: Callable[[], bool]) -> bool:
    """SIGKILL the whole process group once `is_time`; whether it came before the end."""
    while process.poll() is None:
        if is_time():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.02)
    return False


def outputs(folder: Path, *stages: str) -> dict[str, str]:
    """Path → SHA-256 of every file that the stages (all, where none is named) put out."""
    listed = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    paths = [
        folder / next(iter(out))
        for name, stage in listed.items()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
        if not stages or name in stages
    ]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }
