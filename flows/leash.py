"""Run a command on a leash: when whoever holds it lets go or dies, the whole group is killed.

A flow run that is killed outright can't clean up, and a stage left behind would hold DVC's
locks and train on. So the command runs under this small process, in a session of its own,
which reads its standard input: end of file there means that the flow is gone.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_SECONDS = 10.0
"""How long the group has to end by itself after SIGTERM."""


def main(command: list[str]) -> int:
    """Run `command` until it ends or the leash is let go; returns its exit status."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_watch, args=(process,), daemon=True).start()
    status = process.wait()
    # What the command left running in its group would outlive the stage.
    _signal_group(process.pid, signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _watch(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):
        pass
    _signal_group(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal_group(process.pid, signal.SIGKILL)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
