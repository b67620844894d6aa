"""Training examples in which a metric goes by a name of its own, which only search can resolve.

A policy that meets the same few metrics in training learns that unfamiliar words mean that nothing
is due, since of a measure that nobody files nothing ever is. Here some documents come with a
glossary, as teams keep one: a name that the reader has never seen is what the house calls revenue.
Beside measures that really aren't filed, only a look-up tells the two apart.
"""

import random
from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field

from ledgerline.examples.confirm import identity
from ledgerline.examples.example import Example, Holdout, Lookup
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.indicators import indicator
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.wording import capitalised, is_plural
from ledgerline.settings import Settings

_TRIES = 8


class CoinedShares(Settings):
    """Of the training examples that are looked up, and of those that are silent at once, the share
    that calls its metric by a coined name. Measures that nobody files have such names too, and are
    looked up; the shares are to make up for them, or a new name alone would say "look it up".
    """

    looked_up: float = Field(ge=0, le=1)
    at_once: float = Field(ge=0, le=1)


def with_coined_names(
    examples: Iterable[Example],
    shares: CoinedShares,
    mentions: Mentions,
    holdouts: Holdouts,
    longest_prompt: int,
    seed: int,
) -> list[Example]:
    """`examples`, of which about `shares` have their only metric under a coined name.

    Those that name no metric, or several, stay as they are. Names that `holdouts` keeps for
    evaluation are not used.
    """
    found = []
    for example in examples:
        rng = random.Random(f"{seed}:coined:{example.id}")
        share = shares.looked_up if example.calls else shares.at_once
        coined = (
            _coined(example, mentions, holdouts, longest_prompt, rng)
            if rng.random() < share
            else None
        )
        found.append(coined or example)
    return found


def _coined(
    example: Example,
    mentions: Mentions,
    holdouts: Holdouts,
    longest_prompt: int,
    rng: random.Random,
) -> Example | None:
    named = [mention for mention in mentions.find(example.prompt) if mention.kind == "metric"]
    if len(named) != 1 or len(named[0].keys) != 1:
        return None
    (only,) = named
    written = example.prompt[only.start : only.end]
    if any(call.metric != written for call in example.calls):
        return None
    name = _name(written, mentions, holdouts, rng)
    if name is None:
        return None
    prompt = f"{example.prompt[: only.start]}{name}{example.prompt[only.end :]}"
    if len(prompt) > longest_prompt or prompt.count(name) > 1:
        return None
    return replace(
        example,
        id=identity(prompt, example.document_date, example.completion),
        prompt=prompt,
        calls=tuple(Lookup(call.company, name, call.period) for call in example.calls),
        glossary=((name, written),),
    )


def _name(written: str, mentions: Mentions, holdouts: Holdouts, rng: random.Random) -> str | None:
    """A name that can stand where `written` stood, and that nothing else goes by."""
    for _ in range(_TRIES):
        name = indicator(rng)
        if (
            is_plural(name) is is_plural(written)
            and not mentions.find(name)
            and mentions.catalogue.named(name) is None  # nor by mistake: "interest carriages"
            and not holdouts.invented(Holdout.METRIC, name)
        ):
            return capitalised(name) if written[0].isupper() else name
    return None
