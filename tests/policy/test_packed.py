"""Our pass over sequences laid end to end says what transformers' own says, gradients included."""

import copy

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from ledgerline.policy.packed import pack, packed_states, runs_packed


@pytest.fixture
def sequences():
    """Two beginnings, three that go on from the first and one from the second, one by itself."""
    generator = torch.Generator().manual_seed(5)
    lengths = (11, 37, 20, 3, 19, 40, 26)
    drawn = [torch.randint(4, 61, (n,), generator=generator).tolist() for n in lengths]
    return drawn, [None, None, 0, 0, 0, 1, None]


@pytest.fixture(params=["qwen2", "llama"])
def model(request, tiny_model):
    if request.param == "qwen2":
        model = copy.deepcopy(tiny_model)
    else:
        torch.manual_seed(3)
        config = LlamaConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
        )
        model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():  # norms and biases as they are after training, not 1 and 0
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def gradients(model, states, generator_seed=7):
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(generator_seed))
    model.zero_grad()
    (states.float() * weights).sum().backward()
    body = model.get_decoder()
    return {name: value.grad.clone() for name, value in body.named_parameters()}


def whole_histories(model, sequences, begins):
    """The states of each sequence, by a pass of transformers' over it with what it goes on from."""
    states = []
    for sequence, begin in zip(sequences, begins, strict=True):
        before = [] if begin is None else sequences[begin]
        output = model.get_decoder()(input_ids=torch.tensor([[*before, *sequence]]))
        states.append(output.last_hidden_state[0, len(before) :])
    return torch.cat(states)


def test_states_and_gradients_equal_transformers(model, sequences):
    assert runs_packed(model)
    expected = whole_histories(model, *sequences)
    everything = torch.arange(len(expected))
    packed = packed_states(model, pack(model, *sequences), everything, torch.float32)
    torch.testing.assert_close(packed, expected, atol=2e-5, rtol=1e-4)
    ours, theirs = gradients(model, packed), gradients(model, expected)
    for name, gradient in theirs.items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(ours[name], gradient, atol=2e-4, rtol=1e-3)


def test_some_states_alone_have_the_gradients_that_they_have_among_all(model, sequences):
    some = torch.tensor([0, 10, 10, 41, 99, 155])  # one of them twice, as where prompts are shared
    packed = pack(model, *sequences)
    everything = torch.arange(sum(map(len, sequences[0])))
    among = packed_states(model, packed, everything, torch.float32)[some]
    alone = packed_states(model, packed, some, torch.float32)
    torch.testing.assert_close(alone, among)
    expected = gradients(model, among)
    for name, gradient in gradients(model, alone).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-4)


def test_half_precision_errs_no_more_than_autocast(model, sequences):
    def error(found, true):
        return max(
            float((found[name] - value).norm() / value.norm()) for name, value in true.items()
        )

    exact = gradients(model, whole_histories(model, *sequences))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = gradients(model, whole_histories(model, *sequences))
    number = sum(map(len, sequences[0]))
    packed = packed_states(model, pack(model, *sequences), torch.arange(number), torch.bfloat16)
    assert 0 < error(gradients(model, packed), exact) < 1.5 * error(theirs, exact)


def test_what_is_wrapped_or_different_runs_by_itself(model):
    from peft import LoraConfig, get_peft_model

    biased = copy.deepcopy(model)
    biased.get_decoder().layers[0].self_attn.o_proj.bias = torch.nn.Parameter(torch.ones(32))
    assert not runs_packed(biased)
    adapted = get_peft_model(copy.deepcopy(model), LoraConfig(target_modules=["q_proj"]))
    assert not runs_packed(adapted.get_base_model())
