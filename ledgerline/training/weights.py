"""The weights of a model that training changes: all of them, or an adapter's."""

from collections.abc import Mapping

import torch
from torch import Tensor


def trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Name → parameter."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def saved(model: torch.nn.Module) -> dict[str, Tensor]:
    """Name → a copy on the CPU, to be written down."""
    return {name: value.detach().cpu().contiguous() for name, value in trained(model).items()}


def write(model: torch.nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give the parameters that are named these values."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)
