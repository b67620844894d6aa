"""A vLLM server of our own: started, watched, started again when it dies, ended with us."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp

from ledgerline.errors import LedgerlineError
from ledgerline.policy.vllm.server import Server

_POLL_SECONDS = 0.2
_END_SECONDS = 20.0
# PR_SET_PDEATHSIG: a training run that is killed leaves no server behind (on Linux).
_LAUNCH = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.argv[1], sys.argv[1:])
"""


class OwnServer(Server):
    """Runs `command` on a free port, its output appended to `log`."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, patience: float
    ):
        super().__init__("http://127.0.0.1")
        self._command = list(command)
        self._environment = {**os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", **environment}
        self._log = log
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return f"our own, whose log is {self._log}"

    async def join(self, session: aiohttp.ClientSession) -> bool:
        """Start the server unless it runs and answers."""
        if self._process is not None and await self.healthy(session):
            return True
        return await self.recover(session)

    async def recover(self, session: aiohttp.ClientSession) -> bool:
        """Start the server, once more if need be; one that hangs is ended first.

        Raises LedgerlineError, with the end of its log, where it doesn't come to answer.
        """
        self.close()
        self._process = self._start()
        deadline = time.monotonic() + self._patience
        while not await self.healthy(session):
            if self._process.poll() is not None:
                raise LedgerlineError(f"vLLM ended while starting; {self._last_words()}")
            if time.monotonic() > deadline:
                raise LedgerlineError(
                    f"vLLM did not answer within {self._patience:.0f} s "
                    f"(policy.vllm.start_seconds); {self._last_words()}"
                )
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def close(self) -> None:
        """End the server and everything that it started."""
        if self._process is None:
            return
        for number, patience in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        program = shutil.which(self._command[0])
        if program is None:
            raise LedgerlineError(
                f"vLLM can't be started: there is no {self._command[0]} (policy.vllm.command in "
                "params.yaml); `make vllm` builds its environment"
            )
        port = _free_port()
        place = ("--host", "127.0.0.1", "--port", str(port))
        self.url = f"http://127.0.0.1:{port}"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", _LAUNCH, program, *self._command[1:], *place],
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return "\n".join([f"its log {self._log} ends:", *lines[-15:]])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
