"""Micro-batches: a shared prompt changes neither log-probabilities nor gradients."""

import pytest
import torch

from ledgerline.training import batches
from tests.training.conftest import new_policy

CPU = torch.device("cpu")
GROUP = 3


@pytest.fixture
def rollouts():
    """Four groups of three: prompts and rests of different lengths, two turns each."""
    generator = torch.Generator().manual_seed(3)

    def draw(number):
        return torch.randint(10, 250, (number,), generator=generator).tolist()

    tokens, sampled = [], []
    for prompt_length in (5, 17, 9, 12):
        prompt = draw(prompt_length)
        for turn in (4, 9, 6):
            tokens.append([*prompt, *draw(turn), *draw(5), *draw(turn)])
            sampled.append([*[False] * prompt_length, *[True] * turn, *[False] * 5, *[True] * turn])
    return tokens, sampled


def scored(policy, split, values):
    """Per rollout its log-probabilities and `values` at its sampled tokens; and the gradients."""
    policy.model.zero_grad()
    found = {}
    for batch in split:
        scores, entropy = batches.logprobs(policy.plain, batch, 0.7)
        (scores.sum() + (scores**2).sum()).backward()
        counts = batch.scored.sum(1).tolist()
        parts = zip(
            batch.index,
            scores.detach().split(counts),
            entropy.split(counts),
            batches.scored_values(batch, values).split(counts),
            strict=True,
        )
        found |= {index: torch.stack(rest) for index, *rest in parts}
    gradients = {name: value.grad.clone() for name, value in policy.model.named_parameters()}
    return found, gradients


@pytest.mark.parametrize("budget", [1, 150, 10_000])
def test_a_shared_prompt_changes_nothing(rollouts, budget):
    policy = new_policy()
    tokens, sampled = rollouts
    values = [[float(100 * row + place) for place in range(len(t))] for row, t in enumerate(tokens)]
    apart = scored(policy, batches.split(tokens, sampled, 10_000, CPU), values)
    shared = scored(policy, batches.split_groups(tokens, sampled, GROUP, budget, CPU), values)
    assert apart[0].keys() == shared[0].keys() == set(range(len(tokens)))
    for row, expected in apart[0].items():
        torch.testing.assert_close(shared[0][row], expected, atol=1e-5, rtol=1e-4)
    for name, expected in apart[1].items():
        torch.testing.assert_close(shared[1][name], expected, atol=1e-4, rtol=1e-3)


def test_groups_fill_the_budget_and_stay_whole(rollouts):
    tokens, sampled = rollouts
    split = batches.split_groups(tokens, sampled, GROUP, 200, CPU)
    assert 1 < len(split) < 4
    for batch in split:
        assert batch.prompts.tokens.numel() + batch.tokens.numel() <= 200
        groups = {index // GROUP for index in batch.index}
        assert batch.size == GROUP * len(groups) == GROUP * len(batch.prompts.tokens)
