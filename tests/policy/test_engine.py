"""The embedded engine says what transformers' own generate says, however it is loaded."""

import pytest
import torch

from ledgerline.policy.engine import EmbeddedEngine, Sampling, sample
from tests.policy.conftest import END, Replies

GREEDY = Sampling(temperature=0.0, top_p=1.0)


def interactions(seed: int, number: int) -> list[Replies]:
    generator = torch.Generator().manual_seed(seed)

    def tokens(length: int) -> list[int]:
        return torch.randint(4, 61, (length,), generator=generator).tolist()

    made = []
    for index in range(number):
        prompt = tokens(3 + index % 7)
        copies = 1 + index % 3
        replies = [tokens(1 + (index + turn) % 9) for turn in range(index % 4)]
        made += [Replies(list(prompt), replies) for _ in range(copies)]
    return made


def engine(model, rows: int, positions: int = 200) -> EmbeddedEngine:
    return EmbeddedEngine(model, END, rows, positions, torch.float32)


def generate(model, history: list[int], budget: int) -> list[int]:
    output = model.generate(
        torch.tensor([history]), max_new_tokens=budget, do_sample=False, eos_token_id=END
    )
    return output[0, len(history) :].tolist()


@pytest.mark.parametrize("rows", [1, 5, 64])
def test_greedy_turns_equal_generate_on_the_whole_history(tiny_model, rows):
    played = interactions(seed=1, number=12)
    prompts = [list(interaction.tokens) for interaction in played]
    engine(tiny_model, rows).play(played, GREEDY, torch.Generator())
    for interaction, prompt in zip(played, prompts, strict=True):
        history = prompt
        assert len(interaction.turns) == len(interaction.replies) + 1
        for turn, reply in zip(interaction.turns, [*interaction.replies, []], strict=True):
            assert turn == generate(tiny_model, history, interaction.budget)
            history = [*history, *turn, *reply]


def test_what_is_taken_in_by_parts_is_played_as_if_alone(tiny_model):
    def long_ones() -> list[Replies]:
        lengths = [(37 * index) % 100 + 1 for index in range(40)]
        return [
            Replies([4 + (length * place) % 57 for place in range(length)], [[5] * (length // 2)])
            for length in lengths
        ]

    played, alone = long_ones(), long_ones()
    engine(tiny_model, 40).play(played, GREEDY, torch.Generator())
    for interaction in alone:
        engine(tiny_model, 1).play([interaction], GREEDY, torch.Generator())
    assert [one.tokens for one in played] == [one.tokens for one in alone]


def test_logprobs_equal_a_forward_pass_over_the_whole_history(tiny_model):
    played = interactions(seed=2, number=8)
    sampling = Sampling(temperature=0.7, top_p=1.0)
    engine(tiny_model, 6).play(played, sampling, torch.Generator().manual_seed(0))
    for interaction in played:
        logits = tiny_model(torch.tensor([interaction.tokens])).logits[0].detach() / 0.7
        logprobs = logits.log_softmax(-1)
        position = len(interaction.tokens) - sum(map(len, interaction.turns))
        position -= sum(map(len, interaction.replies))
        for turn, told, reply in zip(
            interaction.turns, interaction.logprobs, [*interaction.replies, []], strict=True
        ):
            for token, logprob in zip(turn, told, strict=True):
                assert logprob == pytest.approx(float(logprobs[position - 1, token]), abs=2e-4)
                position += 1
            position += len(reply)


def test_history_longer_than_the_cache_is_cut_off_not_corrupted(tiny_model):
    long = Replies([5] * 30, [[6] * 30] * 10, budget=10)
    short = Replies([5, 6, 7], [], budget=10)
    engine(tiny_model, 4, positions=48).play([long, short], GREEDY, torch.Generator())
    assert long.over
    assert long.turns[-1] == []
    assert short.turns == [generate(tiny_model, [5, 6, 7], 10)]


def test_a_prompt_longer_than_the_cache_ends_its_interaction_alone(tiny_model):
    long = Replies([5] * 48, [], budget=10)
    short = Replies([5, 6, 7], [], budget=10)
    engine(tiny_model, 4, positions=48).play([long, short], GREEDY, torch.Generator())
    assert long.over
    assert long.turns == [[]]
    assert short.turns == [generate(tiny_model, [5, 6, 7], 10)]


def test_refresh_follows_the_model(tiny_model):
    import copy

    model = copy.deepcopy(tiny_model)
    running = engine(model, 4)
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(-1.0)
    running.refresh(model)
    interaction = Replies([5, 6, 7], [])
    running.play([interaction], GREEDY, torch.Generator())
    assert interaction.turns == [generate(model, [5, 6, 7], 12)]


def test_samples_follow_the_distribution():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).repeat(20_000, 1)
    sampling = Sampling(temperature=0.5, top_p=1.0)
    tokens, logprobs = sample(logits, sampling, torch.Generator().manual_seed(0))
    expected = (logits[0] / 0.5).softmax(-1)
    seen = torch.bincount(tokens, minlength=4) / len(tokens)
    assert torch.allclose(seen, expected, atol=0.01)
    assert torch.allclose(logprobs.exp(), expected[tokens], atol=1e-5)


def test_nucleus_keeps_the_likeliest_and_renormalises():
    logits = torch.tensor([[3.0, 2.0, 0.0, -4.0]]).repeat(500, 1)
    sampling = Sampling(temperature=1.0, top_p=0.9)
    tokens, logprobs = sample(logits, sampling, torch.Generator().manual_seed(0))
    assert set(tokens.tolist()) == {0, 1}
    kept = logits[0, :2].softmax(-1)
    assert torch.allclose(logprobs.exp(), kept[tokens], atol=1e-5)


def test_room_beyond_the_models_context_is_not_used(tiny_model):
    long = Replies([5] * 30, [[6] * 40] * 10, budget=10)
    engine(tiny_model, 2, positions=4096).play([long], GREEDY, torch.Generator())
    assert long.over
    assert len(long.tokens) <= tiny_model.config.max_position_embeddings + 50
