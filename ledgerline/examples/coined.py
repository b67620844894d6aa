"""Training examples in which a company or a metric goes by a name that only search can resolve.

A policy that meets the same few metrics in training learns that unfamiliar words mean that nothing
is due, since of a measure that nobody files nothing ever is; and one that meets the same companies
can't begin a name as none of them began. Here some documents come with a glossary, as teams keep
one: a name that the reader has never seen is what the house calls revenue, or a client. Beside
measures that really aren't filed, only a look-up tells the two apart.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from ledgerline.examples.confirm import identity
from ledgerline.examples.example import Example, Holdout
from ledgerline.examples.firms import firm
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.indicators import indicator
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.wording import capitalised, is_plural
from ledgerline.settings import Settings

_TRIES = 8
Named = Literal["company", "metric"]


class CoinedShares(Settings):
    """`looked_up`, `at_once`: of the training examples that are looked up, and of those that are
    silent at once, the share that calls its metric by a coined name. Measures that nobody files
    have such names too, and are looked up; the shares are to make up for them, or a new name alone
    would say "look it up". `companies`: of all of them, the share that calls its company by one.
    """

    looked_up: float = Field(ge=0, le=1)
    at_once: float = Field(ge=0, le=1)
    companies: float = Field(ge=0, le=1)


def with_coined_names(
    examples: Sequence[Example],
    shares: CoinedShares,
    heard: Sequence[str],
    mentions: Mentions,
    holdouts: Holdouts,
    longest_prompt: int,
    seed: int,
) -> list[Example]:
    """`examples`, of which about `shares` have their only metric or company under a coined name.

    Those that name none, or several, stay as they are. Names that `holdouts` keeps for
    evaluation are not used. Words `heard` may stand in a name, as they do in those of what nobody
    files.
    """
    found = []
    for example in examples:
        rng = random.Random(f"{seed}:coined:{example.id}")
        wanted: dict[Named, float] = {
            "metric": shares.looked_up if example.calls else shares.at_once,
            "company": shares.companies,
        }
        coined = example
        for what, share in wanted.items():
            if rng.random() < share:
                coined = _coined(coined, what, heard, mentions, holdouts, longest_prompt, rng)
        found.append(coined)
    return found


def _coined(
    example: Example,
    what: Named,
    heard: Sequence[str],
    mentions: Mentions,
    holdouts: Holdouts,
    longest_prompt: int,
    rng: random.Random,
) -> Example:
    """`example` with its only company or metric under a coined name; as it is where none fits."""
    named = [mention for mention in mentions.find(example.prompt) if mention.kind == what]
    if len(named) != 1 or len(named[0].keys) != 1:
        return example
    (only,) = named
    written = example.prompt[only.start : only.end]
    if any(getattr(call, what) != written for call in example.calls):
        return example
    make = _firm_like if what == "company" else _metric_like
    for _ in range(_TRIES):
        name = make(written, heard, rng)
        # Nothing is known by it, nor by mistake: "interest carriages", or a firm called R&D.
        if (
            name is None
            or mentions.find(name)
            or mentions.catalogue.named(name) is not None
            or holdouts.invented(Holdout(what), name)
        ):
            continue
        if what == "metric" and written[0].isupper():
            name = capitalised(name)
        prompt = f"{example.prompt[: only.start]}{name}{example.prompt[only.end :]}"
        glossary = (*example.glossary, (name, written))
        if len(prompt) <= longest_prompt and all(prompt.count(each) == 1 for each, _ in glossary):
            return replace(
                example,
                id=identity(prompt, example.document_date, example.completion),
                prompt=prompt,
                calls=tuple(replace(call, **{what: name}) for call in example.calls),
                glossary=glossary,
            )
    return example


def _metric_like(written: str, heard: Sequence[str], rng: random.Random) -> str | None:
    """A metric's name that can stand where `written` stood; None where this try made none."""
    name = indicator(rng, heard)
    return name if is_plural(name) is is_plural(written) else None


def _firm_like(written: str, heard: Sequence[str], rng: random.Random) -> str | None:
    """The same of a company: with the ending that a possessive or a full stop after it needs."""
    name = firm(rng, heard)
    fits = all(name.lower().endswith(end) is written.lower().endswith(end) for end in ("s", "."))
    return name if fits else None
