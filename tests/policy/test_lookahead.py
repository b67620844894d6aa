"""Guessing from the history: what is guessed, and that it changes the cost and nothing else."""

import pytest
import torch

from ledgerline.policy.decoder import Decoder
from ledgerline.policy.engine import EmbeddedEngine
from ledgerline.policy.lookahead import Lookahead
from tests.policy.conftest import END, Replies
from tests.policy.test_engine import GREEDY


def test_what_followed_the_last_two_tokens_comes_before_what_followed_the_last():
    history = Lookahead([1, 2, 3, 4, 9, 2, 7, 8, 1])
    history.extend([2])
    assert history.guess(2) == [3, 4]


def test_what_stood_there_last_is_what_is_guessed():
    assert Lookahead([1, 2, 3, 1, 2, 4, 5, 1, 2]).guess(3) == [4, 5, 1]


@pytest.mark.parametrize("tokens", [[], [1], [1, 2, 3]])
def test_nothing_is_guessed_where_the_end_is_new(tokens):
    assert Lookahead(tokens).guess(4) == []
    assert Lookahead([1, 2, 1, 2]).guess(0) == []


def test_a_guess_ends_where_the_history_does():
    assert Lookahead([5, 5]).guess(4) == [5]


def played(model, monkeypatch, at_once: int, sampling=GREEDY) -> tuple[list[list[int]], int]:
    """The turns of a few interactions, and the passes that they took."""
    passes = 0
    forward = Decoder.forward

    def counted(*arguments, **options):
        nonlocal passes
        passes += 1
        return forward(*arguments, **options)

    monkeypatch.setattr(Decoder, "forward", counted)
    interactions = [Replies([5, 6, 7, 8] * 3, [[9, 10]], budget=24) for _ in range(3)]
    running = EmbeddedEngine(model, END, 3, 200, torch.float32, at_once)
    running.play(interactions, sampling, torch.Generator().manual_seed(3))
    monkeypatch.setattr(Decoder, "forward", forward)
    return [turn for one in interactions for turn in one.turns], passes


def test_the_same_is_written_in_fewer_passes(tiny_model, monkeypatch):
    slowly, many = played(tiny_model, monkeypatch, at_once=1)
    quickly, few = played(tiny_model, monkeypatch, at_once=128)
    assert quickly == slowly
    assert few < many


def test_no_turn_grows_beyond_its_budget(tiny_model, monkeypatch):
    turns, _ = played(tiny_model, monkeypatch, at_once=128)
    assert max(map(len, turns)) <= 24
