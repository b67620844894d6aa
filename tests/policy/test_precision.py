"""What matrices are multiplied in, where the machine decides."""

import pytest
import torch

from ledgerline.policy.precision import working_dtype

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({"avx2": True, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({}, torch.float32),  # such as an Arm: other names
    ],
)
def test_auto_is_bfloat16_where_a_cpu_multiplies_it(monkeypatch, able, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert working_dtype("auto", CPU) == expected


def test_auto_asks_a_gpu_for_more_than_emulation(monkeypatch):
    for able in (True, False):
        monkeypatch.setattr(
            torch.cuda,
            "is_bf16_supported",
            lambda including_emulation, able=able: able or including_emulation,
        )
        assert working_dtype("auto", CUDA) == (torch.bfloat16 if able else torch.float32)


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_what_is_named_is_taken(name):
    assert working_dtype(name, CPU) == getattr(torch, name)
