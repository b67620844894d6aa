"""Look-ups that go slightly wrong, as a learner's do: what a demonstration recovers from."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from ledgerline.environments.scripted import Script
from ledgerline.environments.transcript import Turn
from ledgerline.examples.example import Example
from ledgerline.rewards.degenerate import answer, honest, search, shown_figures

_ARGUMENTS = ("company", "metric", "period")
_WORD = re.compile(r"\S+")


def stumble(example: Example, rng: random.Random) -> Script | None:
    """A script that slips in its first turn and then goes on honestly; None where it can't slip."""
    call = _slip(example, rng)
    if call is None:
        return None
    expert = honest(example)

    def script(opening: str, turns: Sequence[Turn]) -> str:
        if not turns:
            return call
        lucky = len(example.calls) == 1 and shown_figures(turns)[:1] == [example.completion]
        return answer(example.completion) if lucky else expert(opening, turns[1:])

    return script


def _slip(example: Example, rng: random.Random) -> str | None:
    """A call that looks up the right thing with an argument or two misread from the document.

    None where the example needs no look-up, or the document holds no words to misread.
    """
    if not example.calls:
        return None
    lookup = example.calls[0]
    for argument in rng.sample(_ARGUMENTS, rng.choice((1, 1, 2))):
        words = _misread(example.prompt, getattr(lookup, argument), rng)
        if words is None:
            return None
        lookup = replace(lookup, **{argument: words})
    return search(lookup) if lookup != example.calls[0] else None


def _misread(document: str, words: str, rng: random.Random) -> str | None:
    """`words` with neighbours of the document too many, with some too few, or others instead."""
    start = document.find(words)
    if start < 0:
        return None
    spans = [match.span() for match in _WORD.finditer(document)]
    inside = [
        n for n, (left, right) in enumerate(spans) if right > start and left < start + len(words)
    ]
    first, last = inside[0], inside[-1]
    draw = rng.random()
    if draw < 0.35:
        first = rng.randrange(len(spans))
        last = first + rng.randrange(3)
    elif draw < 0.7:
        first -= rng.randint(0, 3)
        last += rng.randint(0, 2)
    elif first < last:
        first, last = sorted(rng.sample(range(first, last + 1), 2))
        last -= 1
    left, right = spans[max(0, first)][0], spans[min(last, len(spans) - 1)][1]
    return document[left:right].strip(" ,.:;|–-") or None
