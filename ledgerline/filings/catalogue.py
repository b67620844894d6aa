"""The metric catalogue: what analysts write about, and which XBRL concepts report it.

The rule where a company reports several of a metric's tags: at any date, the most preferred tag
that had been filed by then for that period speaks, and of it the latest filing. A less preferred
tag therefore never replaces a more preferred one, however late it is filed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal

import yaml
from rapidfuzz import fuzz, process

from ledgerline.errors import LedgerlineError
from ledgerline.filings.chatter import without_chatter

UnitKind = Literal["money", "per_share", "shares", "ratio", "multiple"]
Sign = Literal["positive", "either"]

CATALOGUE = Path(__file__).with_name("catalogue.yaml")
_CLOSE = 86.0
"""Similarity (0-100) from which a misspelling is taken for a known name."""
_MARGIN = 5.0
"""How clearly it must beat the next metric's names."""
_LONGEST = 120
"""Characters that a name has at most."""
_REMEMBERED = 50_000
_TELLING = 4
"""Letters from which a word tells one name from another."""
_TELLING_WORDS = 2
"""How many of them the beginning of a name must have to stand for the whole."""
_SILENT_WORDS = frozenset({"and", "the", "of", "its", "their", "our", "company"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A canonical concept; see catalogue.yaml for what each field holds."""

    name: str
    display: str
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    unit_kind: UnitKind
    flow: bool
    sign: Sign
    family: str
    formula: str | None = None


@lru_cache(_REMEMBERED)
def name_key(text: str) -> str:
    """What of a metric's name counts: letters and digits, without case, plurals, "and"."""
    return "".join(_name_words(text))


def _name_words(text: str) -> list[str]:
    text = text.lower().replace("&", " and ").replace("%", " percent ").replace("’", "'")
    text = re.sub(r"'s\b|'", "", text)
    words = re.sub(r"[^a-z0-9]+", " ", text).split()
    kept = [word for word in words if word not in _SILENT_WORDS] or words
    return [word[:-1] if len(word) > 3 and word[-1] == "s" else word for word in kept]


def _begins(words: Sequence[str], name: Sequence[str]) -> bool:
    """Whether `words` are the larger part of `name`, from its beginning, and tell what it is."""
    if name[: len(words)] != words:
        return False
    telling = sum(len(word) >= _TELLING for word in words)
    return telling >= _TELLING_WORDS and 2 * len("".join(words)) >= len("".join(name))


class Catalogue:
    """Metrics by name, and by whatever people call them."""

    def __init__(self, metrics: tuple[Metric, ...]):
        self.metrics = metrics
        self._by_name = {metric.name: metric for metric in metrics}
        self._by_key: dict[str, Metric] = {}
        self._names: dict[str, list[tuple[list[str], Metric]]] = {}
        for metric in metrics:
            for alias in (metric.name, metric.display, *metric.aliases):
                key = name_key(alias)
                words = _name_words(alias)
                self._names.setdefault(words[0], []).append((words, metric))
                other = self._by_key.setdefault(key, metric)
                if other is not metric:
                    raise LedgerlineError(
                        f"{CATALOGUE.name}: {alias!r} names both {other.name} and {metric.name}; "
                        "give it to one of them"
                    )
        self._named = lru_cache(_REMEMBERED)(self._find)
        self._near = lru_cache(_REMEMBERED)(self._find_near)

    @classmethod
    def load(cls, path: Path = CATALOGUE) -> "Catalogue":
        """Read and check a catalogue file.

        Raises:
            LedgerlineError: it is unreadable, an entry is malformed, or two metrics share a name.
        """
        try:
            entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise LedgerlineError(f"{path}: the metric catalogue can't be read: {error}") from error
        return cls(tuple(_metric(path, name, entry) for name, entry in entries.items()))

    def get(self, name: str) -> Metric:
        """The metric called `name` in the catalogue; KeyError if there is none."""
        return self._by_name[name]

    @cached_property
    def tags(self) -> dict[str, tuple[Metric, ...]]:
        """Metrics by XBRL concept ("us-gaap:Revenues")."""
        found: dict[str, tuple[Metric, ...]] = {}
        for metric in self.metrics:
            for tag in metric.tags:
                found[tag] = (*found.get(tag, ()), metric)
        return found

    def resolve(self, text: str) -> Metric | tuple[str, ...]:
        """The metric that `text` names, or the display names nearest to it (maybe none)."""
        return self.named(text) or self.near(text)

    def named(self, text: str) -> Metric | None:
        """The metric that `text` names.

        An exact name (up to case, punctuation, plurals and "&") always wins, then one with words
        of a sentence around it, then the beginning of a long name ("purchases of property") that
        no other metric's begins with; a misspelling counts only when it is close and clearly
        closer to one metric than to any other.
        """
        return self._named(text) if len(text) <= _LONGEST else None

    def exactly(self, text: str) -> Metric | None:
        """The metric of which `text` is a name, up to case, punctuation, plurals and "&"."""
        return self._by_key.get(name_key(text)) if len(text) <= _LONGEST else None

    def near(self, text: str) -> tuple[str, ...]:
        """The display names nearest to `text`, the nearest first; few of them, maybe none."""
        return self._near(text) if len(text) <= _LONGEST else ()

    def _find(self, text: str) -> Metric | None:
        forms = [_name_words(form) for form in chain([text], without_chatter(text))]
        for words in forms:
            if "".join(words) in self._by_key:
                return self._by_key["".join(words)]
        for words in forms:
            alike = self._names.get(words[0], ()) if words else ()
            begun = {metric for name, metric in alike if _begins(words, name)}
            if len(begun) == 1:
                return begun.pop()
        return self._misspelt(_name_words(text))

    def _misspelt(self, words: Sequence[str]) -> Metric | None:
        key = "".join(words)
        if len(key) < 5:
            return None
        # What is less alike can't come within the margin of a name that is close enough.
        ranked = self._ranked(key, _CLOSE - _MARGIN)
        if not ranked or ranked[0][1] < _CLOSE:
            return None
        if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < _MARGIN:
            return None
        metric = self._by_name[ranked[0][0]]
        # An amount per visit is not that amount misspelt.
        return None if metric.unit_kind == "money" and "per" in words else metric

    def _find_near(self, text: str) -> tuple[str, ...]:
        ranked = self._ranked(name_key(text), 50)
        return tuple(self._by_name[name].display for name, _ in ranked[:5])

    def _ranked(self, key: str, least: float) -> list[tuple[str, float]]:
        """(metric, how much its likest name is like `key`), from `least` on, likest first."""
        best: dict[str, float] = {}
        for alias, score, _ in process.extract(
            key, self._by_key.keys(), scorer=fuzz.ratio, limit=25, score_cutoff=least
        ):
            name = self._by_key[alias].name
            best[name] = max(best.get(name, 0.0), score)
        return sorted(best.items(), key=lambda item: -item[1])


def _metric(path: Path, name: str, entry: Mapping[str, object]) -> Metric:
    try:
        return Metric(
            name=name,
            display=str(entry["display"]),
            aliases=tuple(str(alias) for alias in entry.get("aliases") or ()),  # type: ignore[attr-defined]
            tags=tuple(str(tag) for tag in entry.get("tags") or ()),  # type: ignore[attr-defined]
            unit_kind=entry["unit"],  # type: ignore[arg-type]
            flow={"flow": True, "balance": False}[str(entry["kind"])],
            sign=entry["sign"],  # type: ignore[arg-type]
            family=str(entry["family"]),
            formula=str(entry["formula"]) if entry.get("formula") else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise LedgerlineError(f"{path}: metric {name!r} is malformed: {error!r}") from error
