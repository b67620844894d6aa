"""Phrasings: documents up to the caret, with slots, in four registers."""

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

_ALTERNATIVES = re.compile(r"\(([^()|]*(?:\|[^()|]*)+)\)")
_SLOT = re.compile(r"\{([a-zA-Z_']+)\}")
_FULL_STOP = re.compile(r"(?<!\.)\.\.(?!\.)")


@dataclass(frozen=True, slots=True)
class Phrasing:
    """One way to write a document that ends at the caret.

    `id` is the family and a hash of the text, so it survives additions and reordering.
    """

    id: str
    family: str
    register: str
    text: str
    slots: frozenset[str]

    def fill(self, words: Mapping[str, str], rng: random.Random) -> str:
        """The document: one alternative of each group, every slot filled from `words`.

        Words that end in a full stop ("Apple Inc.") take the place of the sentence's.
        """
        text = _ALTERNATIVES.sub(lambda group: rng.choice(group[1].split("|")), self.text)
        return _FULL_STOP.sub(".", _SLOT.sub(lambda slot: words[slot[1]], text)) + " "


@cache
def phrasings() -> Mapping[str, tuple[Phrasing, ...]]:
    """Family → its phrasings, in the order of phrasings.yaml."""
    written = yaml.safe_load(
        (files("ledgerline.examples") / "phrasings.yaml").read_text(encoding="utf-8")
    )
    return {
        family: tuple(
            _phrasing(family, register, text)
            for register, texts in registers.items()
            for text in texts
        )
        for family, registers in written.items()
    }


def _phrasing(family: str, register: str, text: str) -> Phrasing:
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    slots = frozenset(slot[1] for slot in _SLOT.finditer(text))
    return Phrasing(f"{family}-{digest}", family, register, text, slots)


def skeleton(text: str) -> tuple[str, ...]:
    """The words that a phrasing fixes, in lower case: slots and digits left out."""
    return tuple(re.findall(r"[a-z']+", _SLOT.sub(" ", text).lower()))
