"""Which optimizer takes which parameters."""

from functools import partial

import pytest
import torch

from ledgerline.policy.policy import Adapter
from ledgerline.training.muon import Muon
from ledgerline.training.optimizers import OptimizerSettings, apply_gradients, build_optimizers
from tests.training.conftest import new_policy

MUON = OptimizerSettings(
    kind="muon", learning_rate=0.1, warmup=1, weight_decay=0.0, max_grad_norm=1.0
)


@pytest.mark.parametrize(("bias", "number"), [(True, 2), (False, 1)])
def test_muon_takes_matrices_and_adamw_the_rest_where_there_is_any(bias, number):
    """Of an adapter there is none: nothing but matrices."""
    model = torch.nn.Linear(4, 3, bias=bias)
    optimizers = build_optimizers(model, MUON)
    assert len(optimizers) == number
    before = [value.detach().clone() for value in model.parameters()]
    model(torch.ones(1, 4)).sum().backward()
    apply_gradients(model, optimizers, MUON.max_grad_norm)
    for old, new in zip(before, model.parameters(), strict=True):
        assert not torch.equal(old, new)


def bfloat16_base():
    return new_policy().model.to(torch.bfloat16)


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_steps_below_the_rounding_of_a_bfloat16_base_add_up(kind):
    model = bfloat16_base()
    optimizers = build_optimizers(
        model, MUON.model_copy(update={"kind": kind, "learning_rate": 1e-5})
    )
    norm = model.model.norm.weight
    assert norm.detach().eq(1).all()
    for _ in range(20):
        for value in model.parameters():
            value.grad = torch.ones_like(value)
        apply_gradients(model, optimizers, 1e9)
    assert norm.tolist() == pytest.approx([1 - 20e-5] * len(norm), abs=1e-6)


def test_a_frozen_base_stays_bfloat16_below_the_adapter_that_is_trained():
    adapted = Adapter(rank=2, alpha=4, modules="all-linear").attach(bfloat16_base())
    build_optimizers(adapted, MUON)
    kinds = {(value.requires_grad, value.dtype) for value in adapted.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}


def test_muon_steps_as_torchs_does():
    """Matrices of one shape, of that shape turned, of another, and one without a gradient."""
    generator = torch.Generator().manual_seed(3)
    shapes = [(6, 10), (10, 6), (6, 10), (4, 4), (3, 5)]
    settings = {"lr": 0.02, "weight_decay": 0.1}
    sides = []
    for kind in (partial(torch.optim.Muon, adjust_lr_fn="match_rms_adamw"), Muon):
        generator.manual_seed(3)
        matrices = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in shapes]
        optimizer = kind(matrices, **settings)
        for _ in range(3):
            for matrix in matrices[:-1]:
                matrix.grad = torch.randn(matrix.shape, generator=generator)
            optimizer.step()
        sides.append((matrices, optimizer.state_dict()["state"]))
    (theirs, their_state), (mine, my_state) = sides
    for one, other in zip(theirs, mine, strict=True):
        # Newton and Schulz work in bfloat16, and a batch adds up in another order.
        torch.testing.assert_close(other, one, atol=2e-3, rtol=0)
    assert my_state.keys() == their_state.keys() == {0, 1, 2, 3}
    for place, state in their_state.items():
        torch.testing.assert_close(my_state[place], state)


def test_however_many_matrices_a_batch_holds_the_step_is_the_same(monkeypatch):
    results = []
    for limit in (1 << 24, 1):
        monkeypatch.setattr("ledgerline.training.muon._AT_ONCE", limit)
        matrices = [torch.nn.Parameter(torch.eye(4) * scale) for scale in (1.0, 2.0)]
        for matrix in matrices:
            matrix.grad = torch.ones_like(matrix) + torch.eye(4)
        Muon(matrices, lr=0.1, weight_decay=0.0).step()
        results.append(matrices)
    torch.testing.assert_close(results[0], results[1])
