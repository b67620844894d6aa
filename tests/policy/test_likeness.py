"""Words that are used alike begin alike, and nothing else changes."""

import random

import torch

from ledgerline.policy.likeness import embed_by_use, use_vectors
from ledgerline.policy.scratch import build_model, train_tokenizer
from tests.training.conftest import SHAPE

RANDOM = random.Random(0)
COUNTED = ("nurses", "stores", "drivers")
DAYS = ("Monday", "Friday", "Sunday")
TEXTS = [
    RANDOM.choice(
        (
            f"The number of {RANDOM.choice(COUNTED)} came to NT {RANDOM.randint(100, 999)}.",
            f"The call was put off until {RANDOM.choice(DAYS)} at {RANDOM.randint(1, 9)} sharp.",
        )
    )
    for _ in range(600)
]


def test_tokens_with_the_same_neighbours_are_alike_and_rare_ones_nothing() -> None:
    documents = [[2 + n % 3, 5, 6, 7 + n % 2, 9, 10] for n in range(300)] + [[11, 5]]
    vectors = use_vectors(documents, vocabulary=14, width=6)
    likeness = vectors @ vectors.T
    assert likeness[2, 3] > 0.95
    assert likeness[7, 8] > 0.95
    assert likeness[2, 7] < 0.5
    assert not vectors[11].any()
    assert torch.equal(vectors, use_vectors(documents, vocabulary=14, width=6))
    assert not use_vectors([[2, 5]], vocabulary=14, width=6).any()


def test_words_turn_towards_their_like_while_digits_and_capitals_stay() -> None:
    tokenizer = train_tokenizer(TEXTS, [], 400, 300)
    before, after = (build_model(SHAPE, tokenizer, seed=1) for _ in range(2))
    embed_by_use(after, tokenizer, TEXTS, likeness=0.9)
    old, new = (model.get_input_embeddings().weight.detach() for model in (before, after))

    def row(word: str) -> int:
        (token,) = tokenizer.encode(f"of {word}", add_special_tokens=False)[1:]
        return int(token)

    def likeness(rows: torch.Tensor, *words: str) -> float:
        one, other = (rows[row(word)] for word in words)
        return float(torch.cosine_similarity(one, other, dim=0))

    for words in (COUNTED, DAYS):
        assert likeness(old, *words[:2]) < 0.4
        assert likeness(new, *words[:2]) > 0.7
    assert likeness(new, "stores", "Monday") < 0.4
    torch.testing.assert_close(new.norm(dim=1), old.norm(dim=1))
    digits = [tokenizer.encode(str(digit), add_special_tokens=False)[-1] for digit in range(10)]
    assert torch.equal(new[digits], old[digits])
    assert torch.equal(new[row("NT")], old[row("NT")])
