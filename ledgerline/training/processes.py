"""Several processes as one: each plays some of the prompts and learns from some of the tokens.

A small model uses a second core badly from one process: its matrices are hardly worth dividing
among threads, and what is not matrices is not divided at all. A process started by itself is alone,
and then nothing here does anything.
"""

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env, reduce

AnyThing = TypeVar("AnyThing")
_FIRST = "LEDGERLINE_FIRST_PROCESS"


class Processes:
    """The processes of this run. All hold the same weights and take the same decisions."""

    def __init__(self) -> None:
        on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
        self._state = PartialState(cpu=on_cpu)
        self.number: int = self._state.num_processes
        self.rank: int = self._state.process_index

    @property
    def main(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, things: Sequence[AnyThing]) -> Sequence[AnyThing]:
        """This process's part; the parts of all, in order of rank, are the whole."""
        length = len(things)
        return things[self.rank * length // self.number : (self.rank + 1) * length // self.number]

    def deal(self, things: Sequence[AnyThing]) -> Sequence[AnyThing]:
        """This process's part, dealt like cards: of what is sorted by size, all get alike."""
        return things[self.rank :: self.number]

    def gather(self, mine: list[AnyThing]) -> list[AnyThing]:
        """Everybody's, in order of rank. Tensors must carry no gradient."""
        everybody: list[AnyThing] = gather_object(mine) if self.number > 1 else mine
        return everybody

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Make each gradient the sum of all processes'; one that had no batch adds nothing."""
        if self.number == 1:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat(
            [parameter.grad.flatten() for parameter in trained if parameter.grad is not None]
        )
        summed = torch.split(self.sum(flat), [parameter.numel() for parameter in trained])
        for parameter, gradient in zip(trained, summed, strict=True):
            parameter.grad = gradient.view_as(parameter)

    def sum(self, mine: torch.Tensor) -> torch.Tensor:
        """The sum of everybody's, of one shape."""
        total: torch.Tensor = reduce(mine, "sum") if self.number > 1 else mine
        return total

    def wait(self) -> None:
        """Until every process is here."""
        self._state.wait_for_everyone()


def start_beside(number: int) -> None:
    """Make this process the first of `number` on this machine that run its own command.

    They share the machine's cores. They end with this one, however it ends. Nothing is started
    where a GPU does the work, or where something else has started several (`accelerate launch`).
    """
    if _FIRST in os.environ:
        threading.Thread(target=_end_with, args=(int(os.environ[_FIRST]),), daemon=True).start()
        return
    if number == 1 or "WORLD_SIZE" in os.environ or torch.cuda.is_available():
        return
    threads = max(1, torch.get_num_threads() // number)
    os.environ |= {
        "WORLD_SIZE": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": str(threads),
        _FIRST: str(os.getpid()),
    }
    command = [sys.executable, *sys.orig_argv[1:]]
    for rank in range(1, number):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        beside = subprocess.Popen(command, env=os.environ | place, stdout=subprocess.DEVNULL)
        atexit.register(beside.kill)
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0"}
    torch.set_num_threads(threads)


def _end_with(first: int) -> None:
    """End this process as soon as the one that started it is gone."""
    while os.getppid() == first:
        time.sleep(0.5)
    os._exit(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
