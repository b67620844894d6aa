"""A running average of the weights: steadier than any weights that training passes through.

Steps of a short practice are few and large. From one to the next the policy leans towards silence
and back, most of all on documents unlike those it practises on; the average of many steps (Polyak
and Juditsky, 1992) leans less, and solves more than either.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from ledgerline.training.weights import trained, write


class Average:
    """The average of a model's trained weights over its steps, `kept` of it at each step.

    In the first steps less is kept, so that the weights it began with don't linger. With 0 it is
    the weights themselves. It is kept in float32, whatever the weights' own precision: in less, a
    small step would be rounded away.
    """

    def __init__(self, model: torch.nn.Module, kept: float):
        self._model = model
        self._kept = kept
        self._mean = {name: value.float() for name, value in self._copy().items()}

    def update(self, step: int) -> None:
        """Take in the weights after training step `step`, counted from 0."""
        kept = min(self._kept, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in trained(self._model).items():
                self._mean[name].lerp_(value.float(), 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the average for its weights until the context ends."""
        present = self._copy()
        self.give()
        try:
            yield
        finally:
            write(self._model, present)

    def give(self) -> None:
        """Give the model the average for good."""
        write(self._model, self._mean)

    def state(self) -> dict[str, Tensor]:
        """Name → average, on the CPU."""
        return {name: value.cpu().contiguous() for name, value in self._mean.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over a saved state."""
        for name, value in state.items():
            self._mean[name].copy_(value)

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in trained(self._model).items()}
