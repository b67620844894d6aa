"""What one training step can't take less than: its arithmetic, and its memory traffic."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from ledgerline.policy.decoder import Decoder
from ledgerline.training.trainer import Trainer

WEIGHT_PASSES = 8
"""Times that an update touches a weight-sized tensor: the weights forward, backward and when
stepped (read and written), the gradient (written, read), the momentum (read, written)."""


@dataclass(frozen=True, slots=True)
class Work:
    """Floating-point operations of matrix products, and bytes that must move."""

    flops: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Floors:
    """The work of a step's two halves, and what this machine was measured to do."""

    rollout: Work
    update: Work
    flops_a_second: float
    bytes_a_second: float
    dtype: str


def floors(trainer: Trainer) -> Floors:
    """Count one more step of `trainer`: products as they are run, bytes as few as they can be.

    Rollout: every forward pass reads the weights once, and each row's own keys and values.
    Update: what backward needs is written and read once, and the weights a few times.
    """
    trainer.sampler._next = 0  # type: ignore[attr-defined]
    decoder: Decoder = trainer.engine._decoder  # type: ignore[attr-defined]
    traffic = _Traffic(decoder)
    decoder.forward = traffic  # type: ignore[method-assign]
    with FlopCounterMode(display=False) as rollout:
        rollouts, _ = trainer._collect()
    decoder.forward = traffic.forward  # type: ignore[method-assign]
    saved = _Saved()
    with FlopCounterMode(display=False) as update, saved_tensors_hooks(saved, lambda value: value):
        trainer._update(rollouts)
    weights = sum(value.numel() * 4 for value in trainer.policy.model.parameters())
    return Floors(
        rollout=Work(rollout.get_total_flops(), traffic.bytes),
        update=Work(update.get_total_flops(), 2 * saved.bytes + WEIGHT_PASSES * weights),
        flops_a_second=_matrix_rate(trainer.dtype),
        bytes_a_second=_bandwidth(),
        dtype=str(trainer.dtype).removeprefix("torch."),
    )


class _Traffic:
    """A decoder's forward pass that counts the bytes of weights, keys and values it needs."""

    def __init__(self, decoder: Decoder):
        self.forward: Callable[..., Tensor] = decoder.forward
        self.bytes = 0.0
        size = torch.empty((), dtype=decoder.dtype).element_size()
        layers = sum(_elements(layer) for layer in decoder.layers)
        self._weights = size * (decoder.head.numel() + layers)
        self._token = 2 * len(decoder.layers) * decoder.kv_heads * decoder.head_width * size

    def __call__(
        self, tokens: Tensor, start: Tensor, count: Tensor, *rest: Any, **named: Any
    ) -> Tensor:
        self.bytes += self._weights + self._token * float((start + 2 * count).sum())
        return self.forward(tokens, start, count, *rest, **named)


def _elements(layer: Any) -> int:
    """Elements of all tensors of a decoder's layer."""
    values = (getattr(layer, name) for name in layer.__slots__)
    return sum(value.numel() for value in values if isinstance(value, Tensor))


class _Saved:
    """Counts the bytes of what autograd keeps for the backward pass, each tensor once."""

    def __init__(self) -> None:
        self.bytes = 0.0
        self._kept: dict[int, Tensor] = {}

    def __call__(self, value: Tensor) -> Tensor:
        pointer = value.untyped_storage().data_ptr()
        if pointer not in self._kept:
            self._kept[pointer] = value
            self.bytes += value.numel() * value.element_size()
        return value


def _matrix_rate(dtype: torch.dtype, side: int = 1024) -> float:
    """Operations a second of a square matrix product, the best of several."""
    left, right = torch.randn(2, side, side).to(dtype)
    return 2 * side**3 / min(_seconds(lambda: left @ right) for _ in range(20))


def _bandwidth(size: int = 1 << 28) -> float:
    """Bytes a second that a large copy reads and writes, the best of several."""
    source = torch.zeros(size, dtype=torch.uint8)
    target = torch.ones_like(source)
    return 2 * size / min(_seconds(lambda: target.copy_(source)) for _ in range(8))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
