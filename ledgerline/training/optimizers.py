"""Optimizers: Muon for the matrices of a small model that is trained whole, AdamW for the rest."""

import math
from typing import Literal

import torch
from pydantic import Field

from ledgerline.settings import Settings
from ledgerline.training.muon import Muon


class OptimizerSettings(Settings):
    """`kind` "muon" orthogonalises the updates of hidden matrices (arXiv 2502.16982, its AdamW
    update scale, so that one learning rate serves both); "adamw" treats all alike.
    `warmup`: steps over which the learning rate rises. `max_grad_norm`: gradients are scaled
    down to it.
    """

    kind: Literal["muon", "adamw"]
    learning_rate: float = Field(ge=0)
    warmup: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)


def build_optimizers(
    model: torch.nn.Module, settings: OptimizerSettings
) -> list[torch.optim.Optimizer]:
    """Optimizers for every parameter that is to be trained, and that is float32 from here on.

    In bfloat16 the weights would lose a small step to rounding. Frozen ones stay as they are.
    """
    named = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    for _, value in named:
        value.data = value.data.float()
    if settings.kind == "adamw":
        return [_adamw([value for _, value in named], settings)]
    hidden = [value for name, value in named if value.ndim == 2 and "embed" not in name]
    rest = [value for name, value in named if value.ndim != 2 or "embed" in name]
    muon = Muon(hidden, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    # Of an adapter there is nothing but matrices.
    return [muon, _adamw(rest, settings)] if rest else [muon]


def _adamw(parameters: list[torch.nn.Parameter], settings: OptimizerSettings) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        parameters,
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=settings.weight_decay,
    )


def set_learning_rate(
    optimizers: list[torch.optim.Optimizer],
    settings: OptimizerSettings,
    step: int,
    decay_from: int | None = None,
    last: int | None = None,
) -> float:
    """Rise linearly over the first steps; fall linearly to a tenth from `decay_from` to `last`."""
    rate = settings.learning_rate * min(1.0, (step + 1) / max(1, settings.warmup))
    if decay_from is not None and last is not None and step > decay_from:
        rate *= 1 - 0.9 * (step - decay_from) / max(1, last - decay_from)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
    return rate


def apply_gradients(
    model: torch.nn.Module, optimizers: list[torch.optim.Optimizer], max_grad_norm: float
) -> float:
    """Clip, step and clear; returns the gradients' norm. A norm that isn't finite steps nothing."""
    trained = [value for value in model.parameters() if value.requires_grad]
    norm = float(torch.nn.utils.clip_grad_norm_(trained, max_grad_norm))
    if math.isfinite(norm):
        for optimizer in optimizers:
            optimizer.step()
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    return norm
