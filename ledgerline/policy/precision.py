"""In what numbers matrices are multiplied."""

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]
"""A knob of params: "auto" is bfloat16 where the machine multiplies it, float32 elsewhere."""

_MULTIPLIES = ("avx512_bf16", "amx_bf16")
"""Instructions of a CPU, as torch names them."""


def working_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The numbers that `precision` names on `device`.

    A CPU without instructions for bfloat16 takes it and converts each number: a product of small
    matrices then takes ten times what it takes in float32.
    """
    if precision != "auto":
        named: torch.dtype = getattr(torch, precision)
        return named
    return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        native: bool = torch.cuda.is_bf16_supported(including_emulation=False)
        return native
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return any(able.get(name, False) for name in _MULTIPLIES)
