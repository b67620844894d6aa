"""Demonstrations: the expert's episodes, and mistakes that are recovered from but not imitated."""

import pytest

from ledgerline.training.demonstrations import demonstrate
from tests.training.conftest import new_policy
from tests.training.echo import QUESTIONS, TASK


@pytest.fixture(scope="module")
def codec():
    return new_policy().codec


def learnt(codec, demonstration) -> str:
    """The text of what is imitated."""
    pairs = zip(demonstration.tokens, demonstration.sampled, strict=True)
    return codec.decode([token for token, sampled in pairs if sampled])


def test_all_that_the_expert_writes_is_imitated(codec):
    text = learnt(codec, demonstrate(codec, TASK, QUESTIONS[0], stumbles=0.0))
    assert "look_up" in text
    assert "say" in text


def test_a_mistake_is_in_the_history_but_is_not_imitated(codec):
    shown = demonstrate(codec, TASK, QUESTIONS[0], stumbles=1.0)
    plain = demonstrate(codec, TASK, QUESTIONS[0], stumbles=0.0)
    assert "zzz" in codec.decode(shown.tokens)
    assert "zzz" not in learnt(codec, shown)
    assert learnt(codec, shown) == learnt(codec, plain)
    assert len(shown.tokens) == len(shown.sampled) > len(plain.tokens)


def test_the_same_items_stumble_each_time(codec):
    first = [demonstrate(codec, TASK, question, 0.5).tokens for question in QUESTIONS]
    again = [demonstrate(codec, TASK, question, 0.5).tokens for question in QUESTIONS]
    assert first == again
    plain = [demonstrate(codec, TASK, question, 0.0).tokens for question in QUESTIONS]
    assert 0 < sum(a != b for a, b in zip(first, plain, strict=True)) < len(QUESTIONS)
