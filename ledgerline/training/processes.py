"""Several processes as one: each plays some of the prompts and learns from some of the batches.

`accelerate launch --num_processes N -m tasks.train` starts them; a process started by itself is
alone, and then nothing here does anything.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env, reduce

AnyThing = TypeVar("AnyThing")


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
        summed = reduce(flat, "sum").split([parameter.numel() for parameter in trained])
        for parameter, gradient in zip(trained, summed, strict=True):
            parameter.grad = gradient.view_as(parameter)

    def wait(self) -> None:
        """Until every process is here."""
        self._state.wait_for_everyone()
