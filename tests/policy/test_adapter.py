"""A LoRA adapter is in what the embedded engine generates, and folds away at the end."""

import copy

import pytest
import torch
from pydantic import ValidationError

from ledgerline.policy.engine import EmbeddedEngine, Sampling
from ledgerline.policy.policy import Adapter, Policy
from tests.policy.conftest import END, Replies

GREEDY = Sampling(temperature=0.0, top_p=1.0)


@pytest.fixture
def policy(tiny_model) -> Policy:
    policy = Policy(copy.deepcopy(tiny_model), codec=None)
    policy.add_adapter(Adapter(rank=4, alpha=16, modules="all-linear"), seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in policy.model.named_parameters():
            if "lora_B" in name:  # zero at first: an adapter begins as nothing
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    policy.model.eval()
    return policy


@pytest.mark.parametrize("modules", ["lm_head", ["q_proj", "model.embed_tokens"]])
def test_what_would_silently_not_train_carries_none(modules):
    with pytest.raises(ValidationError, match="can't carry an adapter"):
        Adapter(rank=4, alpha=16, modules=modules)


def played(engine):
    interaction = Replies([5, 6, 7, 8], [[9, 10]])
    engine.play([interaction], GREEDY, torch.Generator())
    return interaction


def test_the_embedded_engine_generates_with_the_adapter(policy, tiny_model):
    engine = EmbeddedEngine(policy.plain, END, 2, 200, torch.float32)
    without = played(EmbeddedEngine(tiny_model, END, 2, 200, torch.float32))
    for model in (policy.plain, policy.model):
        engine.refresh(model)
        interaction = played(engine)
        output = policy.model.generate(
            input_ids=torch.tensor([[5, 6, 7, 8]]),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=END,
        )
        assert interaction.turns[0] == output[0, 4:].tolist()
        assert interaction.turns != without.turns


def test_a_folded_adapter_generates_the_same(policy):
    engine = EmbeddedEngine(policy.plain, END, 2, 200, torch.float32)
    before = played(engine)
    policy.merge_adapter()
    engine.refresh(policy.model)
    after = played(engine)
    assert after.turns == before.turns
    assert after.logprobs[0] == pytest.approx(before.logprobs[0], abs=1e-4)
