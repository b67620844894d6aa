"""Which optimizer takes which parameters."""

import pytest
import torch

from ledgerline.training.optimizers import OptimizerSettings, apply_gradients, build_optimizers

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
