"""The corpus: a training split that never sees the hold-outs, and slices that cross them."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol

from pydantic import Field, field_validator

from ledgerline.errors import LedgerlineError
from ledgerline.examples.confirm import Draft, Refusal, confirm
from ledgerline.examples.example import Example, Holdout, Split
from ledgerline.examples.grammar import phrasings
from ledgerline.examples.holdouts import SLICES, Holdouts, HoldoutSettings
from ledgerline.examples.mentions import NEAR_DUPLICATE, Mentions, NearIndex
from ledgerline.examples.scribe import OPENINGS, Scribe
from ledgerline.examples.silence import SILENT_KINDS, SilentAuthor
from ledgerline.examples.template import DUE_KINDS, DueAuthor
from ledgerline.examples.universe import Universe
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Company
from ledgerline.filings.search import Search
from ledgerline.settings import Settings

KINDS = (*DUE_KINDS, *SILENT_KINDS)
_TRIES = 40
"""Kinds drawn in a row that may lead to nothing before a slice is given up."""
_TRIES_OF_A_KIND = 20


class Counts(Settings):
    """Examples a split; validation and test divide theirs among the slices."""

    train: int = Field(ge=1)
    validation: int = Field(ge=0)
    test: int = Field(ge=0)


class SliceShares(Settings):
    """Shares of an evaluation split: all four hold-outs at once, and none or one alone (each).

    The combinations of two and three divide what is left.
    """

    all_four: float = Field(ge=0, le=1)
    alone: float = Field(ge=0, le=0.2)


class SynthesizeSettings(Settings):
    """What the corpus holds.

    `seed` decides every draw and hold-out. `kinds` are weights. `longest_prompt` is in
    characters. `test_sources`, where given, limits validation and test to companies that came
    from these kinds of source.
    """

    seed: int
    counts: Counts
    slices: SliceShares
    kinds: dict[str, float]
    holdouts: HoldoutSettings
    longest_prompt: int
    test_sources: tuple[str, ...]

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"unknown kinds {unknown}; there are {list(KINDS)}")
        if not any(weight > 0 for weight in kinds.values()):
            raise ValueError("no kind has a weight above 0")
        return kinds


@dataclass(frozen=True, slots=True)
class Corpus:
    """The three splits, what was refused on the way, and the slices that came out short."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    refused: dict[str, int]
    short: dict[str, int]

    def splits(self) -> dict[str, list[Example]]:
        """Name → examples."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class Author(Protocol):
    """Whoever writes drafts. None means that this draw led to nothing; draw again."""

    def draft(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """A document of `kind` that holds out exactly `wanted`."""
        ...


class TemplateAuthor:
    """Both halves of the grammar: kinds of which a figure is due, and kinds of which none is."""

    def __init__(self, universe: Universe):
        families = phrasings()
        scribe = Scribe(universe, families)
        self._due = DueAuthor(scribe)
        self._silent = SilentAuthor(scribe, self._due)

    def draft(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """A document of `kind` that holds out exactly `wanted`."""
        author = self._due if kind in DUE_KINDS else self._silent
        return author.draft(kind, wanted, rng)


def synthesize(
    companies: Sequence[Company],
    search: Search,
    settings: SynthesizeSettings,
    catalogue: Catalogue | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Corpus:
    """Write the corpus; the same arguments give the same bytes.

    `progress` hears the number of examples written so far.

    Raises:
        LedgerlineError: nothing can be written for training, or no company may be tested on.
    """
    catalogue = catalogue or Catalogue.load()
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    mentions = Mentions(companies, catalogue)
    writer = _Writer(search, settings, mentions, holdouts, progress)
    universe = Universe(companies, search, catalogue, holdouts)
    train = writer.write(
        TemplateAuthor(universe), Split.TRAIN, {frozenset(): settings.counts.train}
    )
    if not train:
        raise LedgerlineError(
            "no training example could be written: do the facts cover fiscal years and metrics "
            "that synthesize.holdouts in params.yaml leaves in?"
        )
    tested = [
        c for c in companies if not settings.test_sources or c.source in settings.test_sources
    ]
    if not tested:
        raise LedgerlineError(
            f"synthesize.test_sources {list(settings.test_sources)} in params.yaml: no company "
            "comes from these."
        )
    author = TemplateAuthor(Universe(tested, search, catalogue, holdouts))
    validation = writer.write(
        author, Split.VALIDATION, quotas(settings.counts.validation, settings.slices)
    )
    test = writer.write(author, Split.TEST, quotas(settings.counts.test, settings.slices))
    refused = dict(writer.refused.most_common())
    return Corpus(train, validation, test, refused, writer.short)


def make_holdouts(settings: HoldoutSettings, seed: int) -> Holdouts:
    """The hold-outs over the grammar's own phrasings."""
    families = {name: texts for name, texts in phrasings().items() if name != OPENINGS}
    return Holdouts(settings, families, seed)


def quotas(count: int, shares: SliceShares) -> dict[frozenset[Holdout], int]:
    """Slice → number of examples; the largest slice takes what rounding leaves over."""
    single = [wanted for wanted in SLICES if len(wanted) <= 1]
    crossed = [wanted for wanted in SLICES if 2 <= len(wanted) <= 3]
    every = SLICES[-1]
    found = dict.fromkeys(single, int(count * shares.alone))
    left = count - sum(found.values()) - int(count * shares.all_four)
    found |= dict.fromkeys(crossed, max(0, left) // len(crossed))
    found[every] = max(0, count - sum(found.values()))
    return found


class _Writer:
    """Draws drafts until each slice is full; no prompt is written twice, in whatever split."""

    def __init__(
        self,
        search: Search,
        settings: SynthesizeSettings,
        mentions: Mentions,
        holdouts: Holdouts,
        progress: Callable[[int], None],
    ):
        self._mentions = mentions
        self._is_held: dict[str, Callable[..., bool]] = {
            "company": holdouts.company,
            "metric": holdouts.metric,
        }
        self._trained = NearIndex(NEAR_DUPLICATE, ())
        self._search = search
        self._settings = settings
        self._seed = settings.seed
        self._progress = progress
        self._prompts: set[str] = set()
        self._kinds = [kind for kind in KINDS if settings.kinds.get(kind, 0) > 0]
        self._weights = list(accumulate(settings.kinds[kind] for kind in self._kinds))
        self.refused: Counter[str] = Counter()
        self.short: dict[str, int] = {}

    def write(
        self, author: Author, split: Split, wanted: Mapping[frozenset[Holdout], int]
    ) -> list[Example]:
        examples: list[Example] = []
        for holdouts, count in wanted.items():
            name = slice_name(holdouts)
            rng = random.Random(f"{self._seed}:{split}:{name}")
            written = list(self._slice(author, split, holdouts, count, rng))
            if len(written) < count:
                self.short[f"{split}: {name}"] = count - len(written)
            examples += written
            self._progress(len(self._prompts))
        random.Random(f"{self._seed}:{split}:order").shuffle(examples)
        if split is Split.TRAIN:
            phrasings_seen = (self._mentions.phrasing(example.prompt) for example in examples)
            self._trained = NearIndex(NEAR_DUPLICATE, phrasings_seen)
        return examples

    def _slice(
        self,
        author: Author,
        split: Split,
        holdouts: frozenset[Holdout],
        count: int,
        rng: random.Random,
    ) -> Iterable[Example]:
        found = tries = 0
        while found < count and tries < _TRIES:
            tries += 1
            (kind,) = rng.choices(self._kinds, cum_weights=self._weights)
            # A kind that often leads to nothing is tried again, or it would be rarer than meant.
            for _ in range(_TRIES_OF_A_KIND):
                draft = author.draft(kind, holdouts, rng)
                example = self._confirmed(draft, split) if draft is not None else None
                if example is not None:
                    found += 1
                    tries = 0
                    yield example
                    break

    def _confirmed(self, draft: Draft, split: Split) -> Example | None:
        if len(draft.prompt) > self._settings.longest_prompt:
            self.refused["too long"] += 1
            return None
        if draft.prompt in self._prompts:
            self.refused["written already"] += 1
            return None
        if Holdout.PHRASING in draft.holdouts and self._trained.near(
            self._mentions.phrasing(draft.prompt)
        ):
            self.refused["phrased nearly as in training"] += 1
            return None
        if split is Split.TRAIN and self._gives_away(draft.prompt):
            self.refused["names what is held out"] += 1
            return None
        example = confirm(draft, self._search, split, source="template")
        if isinstance(example, Refusal):
            self.refused[f"{draft.kind}: {example.reason}"] += 1
            return None
        self._prompts.add(draft.prompt)
        return example

    def _gives_away(self, prompt: str) -> bool:
        """Whether it names something held out; half a word can be somebody's ticker."""
        return any(
            all(self._is_held[mention.kind](key) for key in mention.keys)
            for mention in self._mentions.find(prompt)
        )


def slice_name(holdouts: Iterable[Holdout]) -> str:
    """ "company+metric" in the fixed order of the dimensions; "none" and "all four"."""
    held = frozenset(holdouts)
    if len(held) == len(Holdout):
        return "all four"
    return "+".join(dimension.value for dimension in Holdout if dimension in held) or "none"


def with_difficulty(examples: Iterable[Example], pass_rates: Mapping[str, float]) -> list[Example]:
    """The examples, each with the pass rate measured for its id where there is one."""
    return [
        replace(example, difficulty=pass_rates.get(example.id, example.difficulty))
        for example in examples
    ]
