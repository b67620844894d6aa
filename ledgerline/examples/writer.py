"""Filling slices with examples: drafts drawn by kind, confirmed, and kept apart from training."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from ledgerline.examples.confirm import Draft, Refusal, confirm
from ledgerline.examples.example import Example, Holdout, Split
from ledgerline.examples.holdouts import Holdouts, slice_name
from ledgerline.examples.mentions import NEAR_DUPLICATE, Mentions, NearIndex, fiscal_years
from ledgerline.filings.search import Search
from ledgerline.filings.spelling import folded

_TRIES = 40
"""Kinds drawn in a row that may lead to nothing before a slice is given up."""
_TRIES_OF_A_KIND = 20


class Author(Protocol):
    """Whoever writes drafts. None means that this draw led to nothing; draw again."""

    def draft(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """A document of `kind` that holds out exactly `wanted`."""
        ...


class Writer:
    """Draws drafts until each slice is full; no prompt is written twice, in whatever split."""

    def __init__(
        self,
        search: Search,
        longest_prompt: int,
        seed: int | str,
        mentions: Mentions,
        holdouts: Holdouts,
    ):
        self._mentions = mentions
        self._holdouts = holdouts
        self._train: Sequence[Example] = ()
        self._trained: NearIndex | None = None
        self._search = search
        self._longest_prompt = longest_prompt
        self._seed = seed
        self._prompts: set[str] = set()
        self.refused: Counter[str] = Counter()
        self.short: dict[str, int] = {}

    def write(
        self,
        author: Author,
        split: Split,
        wanted: Mapping[frozenset[Holdout], int],
        kinds: Mapping[str, float],
    ) -> list[Example]:
        """Examples of `split` by `author`, as many of each slice as `wanted` says, shuffled.

        `kinds` are weights.
        """
        drawn = {kind: weight for kind, weight in kinds.items() if weight > 0}
        examples: list[Example] = []
        for holdouts, count in wanted.items():
            name = slice_name(holdouts)
            rng = random.Random(f"{self._seed}:{split}:{name}")
            written = list(self._slice(author, split, holdouts, count, drawn, rng))
            if len(written) < count:
                self.short[f"{split}: {name}"] = count - len(written)
            examples += written
        random.Random(f"{self._seed}:{split}:order").shuffle(examples)
        return examples

    def join(self, examples: Iterable[Example]) -> list[Example]:
        """Those of another writer's `examples` that aren't written already."""
        new = []
        for example in examples:
            words = folded(example.plain_prompt)
            if words in self._prompts:
                self.refused["written already"] += 1
                continue
            self._prompts.add(words)
            new.append(example)
        return new

    def take(self, drafts: Iterable[Draft], split: Split) -> list[Example]:
        """The examples that `drafts` of another author are."""
        confirmed = (self.confirmed(draft, split) for draft in drafts)
        return [example for example in confirmed if example is not None]

    def learnt(self, train: Iterable[Example]) -> None:
        """Keep drafts that hold out their phrasing apart from those of `train`."""
        self._train = tuple(train)
        self._trained = None

    def _is_near_training(self, prompt: str) -> bool:
        if self._trained is None:
            phrasings = (self._mentions.phrasing(example.plain_prompt) for example in self._train)
            self._trained = NearIndex(NEAR_DUPLICATE, phrasings)
        return self._trained.near(self._mentions.phrasing(prompt)) is not None

    def _slice(
        self,
        author: Author,
        split: Split,
        holdouts: frozenset[Holdout],
        count: int,
        kinds: Mapping[str, float],
        rng: random.Random,
    ) -> Iterable[Example]:
        names, weights = list(kinds), list(accumulate(kinds.values()))
        found = tries = 0
        while found < count and tries < _TRIES:
            tries += 1
            (kind,) = rng.choices(names, cum_weights=weights)
            # A kind that often leads to nothing is tried again, or it would be rarer than meant.
            for _ in range(_TRIES_OF_A_KIND):
                draft = author.draft(kind, holdouts, rng)
                example = self.confirmed(draft, split) if draft is not None else None
                if example is not None:
                    found += 1
                    tries = 0
                    yield example
                    break

    def confirmed(self, draft: Draft, split: Split) -> Example | None:
        """The example that `draft` is, or None, with the reason counted."""
        if len(draft.prompt) > self._longest_prompt:
            self.refused["too long"] += 1
            return None
        words = folded(draft.prompt)
        if words in self._prompts:
            self.refused["written already"] += 1
            return None
        if Holdout.PHRASING in draft.holdouts and self._is_near_training(draft.prompt):
            self.refused["phrased nearly as in training"] += 1
            return None
        if split is Split.TRAIN and names_held(draft.prompt, self._mentions, self._holdouts):
            self.refused["names what is held out"] += 1
            return None
        example = confirm(draft, self._search, split)
        if isinstance(example, Refusal):
            self.refused[f"{draft.kind}: {example.reason}"] += 1
            return None
        self._prompts.add(words)
        return example


def names_held(text: str, mentions: Mentions, holdouts: Holdouts) -> bool:
    """Whether a text names something held out; half a word can be somebody's ticker."""
    # Most texts don't even have the last digits of a year that is held out.
    may_name = any(f"{year % 100:02}" in text for year in holdouts.fiscal_years)
    if may_name and fiscal_years(text) & holdouts.fiscal_years:
        return True
    return any(
        all(holdouts.holds(Holdout(mention.kind), key) for key in mention.keys)
        for mention in mentions.find(text)
    )
