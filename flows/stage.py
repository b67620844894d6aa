"""Running one DVC stage as a subprocess whose output is logged and whose end is certain."""

import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from flows.leash import GRACE_SECONDS

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]
TRANSPORT_FAILURE = 75
"""Exit status of a stage that couldn't reach a server (EX_TEMPFAIL of sysexits.h)."""
_STATUS = re.compile(r"exited with (-?\d+)\s*$")
_LAST_LINES = 15


class StageFailed(Exception):  # noqa: N818 (a state of the stage, not a fault of ours)
    """A stage ended badly; the message carries the end of its output."""


class TransportFailed(StageFailed):
    """A stage couldn't reach a server; it is worth trying again."""


class StageTimedOut(StageFailed):
    """A stage took longer than it may and was stopped with all its processes."""


def reproduce(
    name: str,
    root: Path,
    seconds: float,
    logger: Logger,
    force: bool = False,
    flow_run: str = "",
) -> None:
    """Bring the one stage `name` up to date with DVC; its upstream must be so already.

    The stage's MLflow run is tagged with `flow_run`, so that each leads to the other.
    Raises StageFailed, or one of its kinds. However this ends, also by an exception thrown
    into it, no process of the stage is left.
    """
    # `--wait-for-lock` and `-s` together let several stages run beside each other.
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s", name]
    if force:
        command.append("-f")
    status, lines = run_logged(command, root, seconds, logger, flow_run)
    if status is None:
        raise StageTimedOut(f"{name} was stopped after {seconds:g} s")
    if status == 0:
        return
    text = "\n".join(lines)
    found = [match for line in lines if (match := _STATUS.search(line))]
    if found and int(found[-1].group(1)) == TRANSPORT_FAILURE:
        raise TransportFailed(f"{name} couldn't reach a server:\n{text}")
    raise StageFailed(f"{name} failed:\n{text}")


def run_logged(
    command: list[str], root: Path, seconds: float, logger: Logger, flow_run: str = ""
) -> tuple[int | None, list[str]]:
    """Run `command` in `root` on a leash, logging each line of its output as it comes.

    Returns its exit status, None when it was stopped after `seconds`, and its last lines.
    """
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("leash.py")), *command],
        cwd=root,
        env=environment(flow_run),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    lines: list[str] = []
    reader = threading.Thread(target=_log_lines, args=(process, lines, logger), daemon=True)
    reader.start()
    try:
        status: int | None = process.wait(seconds)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        _let_go(process)
        reader.join(GRACE_SECONDS)
    return status, lines[-_LAST_LINES:]


def _let_go(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    process.wait()


def _log_lines(process: subprocess.Popen[bytes], lines: list[str], logger: Logger) -> None:
    if process.stdout is None:
        return
    for raw in process.stdout:
        # A progress bar redraws itself with carriage returns; its last state is enough.
        line = raw.decode(errors="replace").rstrip("\n").rsplit("\r", 1)[-1].rstrip()
        if line:
            lines.append(line)
            logger.info(line)


def environment(flow_run: str) -> dict[str, str]:
    """For a child: ours without Prefect's control channel, this interpreter first on the path."""
    variables = {
        key: value for key, value in os.environ.items() if not key.startswith("PREFECT__CONTROL")
    }
    folder = str(Path(sys.executable).parent)
    variables["PATH"] = f"{folder}{os.pathsep}{variables.get('PATH', '')}"
    variables["PYTHONUNBUFFERED"] = "1"
    if flow_run:
        variables["PREFECT__FLOW_RUN_ID"] = flow_run
    return variables
