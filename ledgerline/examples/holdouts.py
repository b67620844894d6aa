"""What training never sees: companies, fiscal years, metrics and phrasings."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations

from pydantic import Field

from ledgerline.examples.example import Holdout
from ledgerline.examples.grammar import Phrasing, expansions, skeleton
from ledgerline.examples.mentions import NearIndex
from ledgerline.filings.series import Figure
from ledgerline.settings import Settings

SLICES: tuple[frozenset[Holdout], ...] = tuple(
    frozenset(chosen) for size in range(5) for chosen in combinations(Holdout, size)
)
"""Every combination of the four dimensions, the empty one first, all four last."""

_NEAR = 0.75
_TOKEN = re.compile(r"\{\w+(?:'s)?\}|[^\W\d]+(?:'[^\W\d]+)*|[^\w\s]")
_SLOTS = {
    "{company}": "COMPANY",
    "{company's}": "COMPANY",
    "{metric}": "METRIC",
    **dict.fromkeys(("{period}", "{short}", "{date}"), "PERIOD"),
}
_CASE_SLOTS = frozenset({"{was}", "{has}", "{up}", "{rose}"})


class HoldoutSettings(Settings):
    """What is held out.

    `companies` and `phrasings` are shares between 0 and 1, drawn by hash, so that a company
    added later moves no other. Each word of a phrasing held out stands in `known_words` phrasings
    of training or more: the sentence is new, its words are not. A policy from random weights knows
    no other words; 0 is for a base that knows the language. `fiscal_years` and `metrics` are named.
    """

    companies: float
    phrasings: float
    known_words: int = Field(ge=0)
    fiscal_years: tuple[int, ...]
    metrics: tuple[str, ...]


def slice_name(holdouts: Iterable[Holdout]) -> str:
    """ "company+metric" in the fixed order of the dimensions; "none" and "all four"."""
    held = frozenset(holdouts)
    if len(held) == len(Holdout):
        return "all four"
    return "+".join(dimension.value for dimension in Holdout if dimension in held) or "none"


class Holdouts:
    """Answers "is this held out?" for each dimension."""

    def __init__(
        self, settings: HoldoutSettings, families: Mapping[str, Sequence[Phrasing]], seed: int
    ):
        self._settings = settings
        self._seed = seed
        self.fiscal_years = frozenset(settings.fiscal_years)
        self.metrics = frozenset(settings.metrics)
        self.phrasings = _held_phrasings(families, settings.phrasings, settings.known_words, seed)

        held = [p for family in families.values() for p in family if p.id in self.phrasings]
        self._near = NearIndex(_NEAR, (_tokens(t) for p in held for t in expansions(p.text)))

    def is_near_held(self, text: str) -> bool:
        """Whether any reading of a phrasing is nearly a held-out one."""
        return any(self._near.near(_tokens(reading)) for reading in expansions(text))

    def company(self, key: int | str) -> bool:
        """Whether a company is held out, by CIK, or by name where it has none."""
        return _share("company", key, self._seed) < self._settings.companies

    def metric(self, name: str) -> bool:
        """Whether a metric of the catalogue is held out."""
        return name in self.metrics

    def of(self, figures: Iterable[Figure]) -> list[Holdout]:
        """What of the figures' companies, metrics and fiscal years is held out."""
        held = {
            dimension
            for figure in figures
            for dimension, is_held in (
                (Holdout.COMPANY, self.company(figure.cik)),
                (Holdout.METRIC, self.metric(figure.metric)),
                (Holdout.PERIOD, figure.period.fiscal_year in self.fiscal_years),
            )
            if is_held
        }
        return sorted(held)

    def holds(self, dimension: Holdout, key: int | str) -> bool:
        """Whether a company (by CIK) or a metric (by name) is held out."""
        return self.company(key) if dimension is Holdout.COMPANY else self.metric(str(key))

    def invented(self, dimension: Holdout, words: str) -> bool:
        """Whether words that name nothing real are kept for evaluation: a fifth of them is."""
        return _share(dimension, words, self._seed) < 0.2


@lru_cache(maxsize=100_000)
def _share(dimension: str, key: int | str, seed: int) -> float:
    """A uniform number in [0, 1) that only `dimension`, `key` and `seed` decide."""
    digest = hashlib.sha256(f"{seed}:{dimension}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _held_phrasings(
    families: Mapping[str, Sequence[Phrasing]], share: float, known_words: int, seed: int
) -> frozenset[str]:
    """Ids of the phrasings held out: `share` of each family, near-duplicates kept together.

    A family has fewer where too few of its phrasings are made of words that training keeps.
    """
    written = {phrasing.id: phrasing for family in families.values() for phrasing in family}
    groups = _near_groups(tuple(written.values()))
    words = {name: frozenset(skeleton(phrasing.text)) for name, phrasing in written.items()}
    left = Counter(word for its in words.values() for word in its)
    held: set[str] = set()
    for family in families.values():
        wanted = max(1, round(share * len(family))) if share > 0 else 0
        ids = frozenset(phrasing.id for phrasing in family)
        taken = len(held & ids)
        for phrasing in sorted(family, key=lambda p: _share(Holdout.PHRASING, p.id, seed)):
            if taken >= wanted:
                break
            group = groups[phrasing.id] - held
            gone = Counter(word for name in group for word in words[name])
            # A large group would take most of a family with it; it stays in training.
            if len(groups[phrasing.id]) <= 3 and all(
                left[word] - times >= known_words for word, times in gone.items()
            ):
                held |= group
                taken += len(group & ids)
                left.subtract(gone)
    return frozenset(held)


@lru_cache(maxsize=2)
def _near_groups(written: tuple[Phrasing, ...]) -> Mapping[str, frozenset[str]]:
    """Phrasing id → ids connected to it by near-duplication, itself among them.

    It takes seconds, and is the same whatever is held out.
    """
    readings: dict[frozenset[str], list[str]] = {}
    for p in written:
        for text in expansions(p.text):
            readings.setdefault(_tokens(text), []).append(p.id)
    parent = {p.id: p.id for p in written}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    index = NearIndex(_NEAR, readings)
    for tokens, names in readings.items():
        for near in index.every(tokens, longest=len(tokens)):  # the longer ones find this one
            for name in (*names, *readings[near]):
                parent[root(name)] = root(names[0])
    members: dict[str, set[str]] = {}
    for p in written:
        members.setdefault(root(p.id), set()).add(p.id)
    return {p.id: frozenset(members[root(p.id)]) for p in written}


def _tokens(text: str) -> frozenset[str]:
    """A phrasing's words and marks, whatever their case; slots under one name each, no digits."""
    found = _TOKEN.findall(text.lower())
    return frozenset(_SLOTS.get(token, token) for token in found) - _CASE_SLOTS
