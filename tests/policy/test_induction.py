"""Weights that start with the induction circuit copy before any training."""

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from ledgerline.errors import LedgerlineError
from ledgerline.policy.induction import prime_copying

VOCABULARY = 300


def fresh(**shape):
    torch.manual_seed(0)
    settings = {
        "vocab_size": VOCABULARY,
        "hidden_size": 128,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    } | shape
    return Qwen2ForCausalLM(Qwen2Config(**settings)).eval()


def copied(model) -> float:
    """Share of a span, met once before in random text, that is continued right."""
    text = torch.randint(0, VOCABULARY, (16, 120), generator=torch.Generator().manual_seed(1))
    again = torch.cat([text, text[:, 40:60]], 1)
    with torch.no_grad():
        guessed = model(again).logits.argmax(-1)
    # The first three tokens of the span only say which span it is.
    return float((guessed[:, 122:139] == again[:, 123:140]).float().mean())


@pytest.mark.parametrize("groups", [2, 4])
def test_an_untrained_model_continues_a_span_it_has_seen_once(groups):
    model = fresh(num_key_value_heads=groups)
    before = copied(model)
    prime_copying(model, torch.Generator().manual_seed(0))
    assert before < 0.05
    assert copied(model) > 0.8


def test_the_same_seed_gives_the_same_weights():
    models = [fresh(), fresh()]
    for model in models:
        prime_copying(model, torch.Generator().manual_seed(5))
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_too_small_a_model_says_so():
    with pytest.raises(LedgerlineError, match=r"policy\.scratch\.copying"):
        prime_copying(fresh(num_hidden_layers=1), torch.Generator())
