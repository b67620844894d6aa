"""What holds of the tiny models holds of a published one: LEDGERLINE_PRETRAINED names it."""

import os

import pytest
import torch

from ledgerline.policy.engine import EmbeddedEngine, Sampling
from ledgerline.policy.policy import Policy
from ledgerline.training.batches import logprobs, split
from tests.policy.conftest import Replies

BASE = os.environ.get("LEDGERLINE_PRETRAINED")
pytestmark = pytest.mark.skipif(not BASE, reason="LEDGERLINE_PRETRAINED names no model")
QUESTIONS = ("What is revenue?", "Name three days of the week.", "Is goodwill an asset?")
LENGTH = 40


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load(str(BASE), "eager")


@pytest.fixture(scope="module")
def prompts(policy: Policy) -> list[list[int]]:
    return [policy.codec.prompt("Answer in a sentence.", asked, []) for asked in QUESTIONS]


def test_it_generates_what_transformers_does(policy: Policy, prompts: list[list[int]]) -> None:
    engine = EmbeddedEngine(policy.plain, policy.codec.end_of_turn, 3, 400, torch.float32)
    played = [Replies(list(prompt), [], LENGTH) for prompt in prompts]
    engine.play(played, Sampling(temperature=0.0, top_p=1.0), torch.Generator())
    for prompt, one in zip(prompts, played, strict=True):
        found = policy.plain.generate(
            torch.tensor([prompt]), max_new_tokens=LENGTH, do_sample=False
        )
        assert one.turns == [found[0, len(prompt) :].tolist()]


def test_it_trains_on_the_likelihood_that_transformers_gives(
    policy: Policy, prompts: list[list[int]]
) -> None:
    scored = [[place > 0 for place in range(len(prompt))] for prompt in prompts]
    with torch.no_grad():
        for batch in split(prompts, scored, 4096, policy.plain.device):
            found, _ = logprobs(policy.plain, batch, temperature=1.0)
            theirs = [
                policy.plain(torch.tensor([prompts[row]]))
                .logits[0, :-1]
                .log_softmax(-1)
                .gather(-1, torch.tensor(prompts[row][1:])[:, None])[:, 0]
                for row in batch.index
            ]
            torch.testing.assert_close(found, torch.cat(theirs), atol=2e-3, rtol=1e-3)
