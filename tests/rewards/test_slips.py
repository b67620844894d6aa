"""Slips: look-ups misread from the document, which an expert recovers from."""

import random

from ledgerline.environments.calls import read_call
from ledgerline.environments.transcript import Outcome
from ledgerline.rewards.slips import stumble


def stumbling(world, rng):
    return [
        (example, script)
        for example in world.examples
        if (script := stumble(example, rng)) is not None
    ]


def test_a_slip_is_made_of_the_documents_words(world):
    scripts = stumbling(world, random.Random(1))
    assert len(scripts) > 50
    tools = {"search": world.environment().search}
    for example, script in scripts:
        call = read_call(script(example.prompt, []), tools)
        honest = example.calls[0]
        misread = [
            (value, getattr(honest, name))
            for name, value in call.arguments.items()
            if value != getattr(honest, name)
        ]
        assert 1 <= len(misread) <= 2
        assert all(value in example.prompt for value, _ in misread)


def test_whoever_stumbles_still_ends_right(world):
    for example, script in stumbling(world, random.Random(2)):
        transcript = world.play(example, script)
        assert transcript.outcome is (Outcome.ANSWERED if example.is_due else Outcome.ABSTAINED)
        assert (transcript.answer or "") == example.completion


def test_there_is_nothing_to_misread_where_nothing_is_looked_up(world):
    example = world.one(lambda example: not example.calls)
    assert stumble(example, random.Random(3)) is None
