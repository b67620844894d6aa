"""Muon for a small model: matrices of one shape are orthogonalised together, each by one process.

A product of small matrices costs a CPU more to set up than to run, and Muon makes fifteen of them
for each matrix. Where several processes train, each orthogonalises its share for all.
`tests/training/test_optimizers.py` holds its steps equal to those of torch's own.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ledgerline.policy.precision import working_dtype
from ledgerline.training.processes import Processes

_STEPS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Keller Jordan's: the quintic is steepest at 0, and leaves singular values near 1."""
_LEAST = 1e-7
_AT_ONCE = 1 << 24
"""Numbers in one batch, at most, where it is more than one matrix."""


class Muon(torch.optim.Muon):
    """torch's Muon, with Nesterov momentum and AdamW's update scale; the same state."""

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
    ):
        super().__init__(params, lr, weight_decay, momentum, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step for every matrix that has a gradient."""
        for group in self.param_groups:
            matrices = [matrix for matrix in group["params"] if matrix.grad is not None]
            if not matrices:
                continue
            updates = self._with_momentum(matrices, group["momentum"])
            torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
            for matrix, update in zip(matrices, _orthogonal(updates), strict=True):
                matrix.add_(update, alpha=-0.2 * group["lr"] * max(matrix.shape) ** 0.5)

    def _with_momentum(self, matrices: Sequence[Tensor], momentum: float) -> Sequence[Tensor]:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        averages = []
        for matrix in matrices:
            state = self.state[matrix]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(matrix)
            averages.append(state["momentum_buffer"])
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        ahead: Sequence[Tensor] = torch._foreach_lerp(gradients, averages, momentum)
        return ahead


def _orthogonal(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Each of the matrices, which all processes have alike, orthogonalised, in float32."""
    processes = Processes()
    number = sum(matrix.numel() for matrix in matrices)
    found = torch.zeros(number, device=matrices[0].device)
    parts = _cut(found, matrices)
    for places in _alike(matrices):
        mine = processes.share(places)
        if mine:
            done = orthogonal(torch.stack([_flat(matrices[place]) for place in mine]))
            for place, one in zip(mine, done, strict=True):
                _flat(parts[place]).copy_(one)
    return _cut(processes.sum(found), matrices)


def _cut(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Numbers end to end → tensors of the shapes of `like`."""
    parts = torch.split(flat, [tensor.numel() for tensor in like])
    return [part.view_as(tensor) for part, tensor in zip(parts, like, strict=True)]


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices [number, rows, columns], no higher than wide → the nearest with orthonormal rows,
    roughly: singular values between 0.7 and 1.2. In bfloat16 where the machine multiplies it.
    """
    a, b, c = _COEFFICIENTS
    size = torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True).clamp_(min=_LEAST)
    found: Tensor = (matrices / size).to(working_dtype("auto", matrices.device))
    for _ in range(_STEPS):
        gram = found @ found.transpose(1, 2)
        found = torch.baddbmm(
            found, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), found, beta=a
        )
    return found


def _alike(matrices: Sequence[Tensor]) -> list[list[int]]:
    """Which of the matrices have the same shape once they lie flat, few enough for one batch."""
    by_shape: dict[torch.Size, list[int]] = defaultdict(list)
    for place, matrix in enumerate(matrices):
        by_shape[_flat(matrix).shape].append(place)
    return [
        places[first : first + number]
        for shape, places in by_shape.items()
        for number in [max(1, _AT_ONCE // shape.numel())]
        for first in range(0, len(places), number)
    ]


def _flat(matrix: Tensor) -> Tensor:
    """The matrix, or its transpose where it is higher than wide."""
    return matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
