"""Words that documents have, for the names that are made up to have them too."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ledgerline.examples.firms import Heard
from ledgerline.examples.grammar import Phrasing, phrasings, telling
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.indicators import plural
from ledgerline.examples.scribe import PLAIN
from ledgerline.examples.silence import TALK_KINDS
from ledgerline.filings.facts import Company

_OFTEN = 3
_IN_NAMES = 2
_TELLS = 3.0
_SLOT = re.compile(r"\{\w+\}")
_WORD = re.compile(r"[a-z]{3,}")


def heard_of(companies: Sequence[Company], holdouts: Holdouts) -> Heard:
    """Words that stand in several phrasings or names of companies that training has.

    Whatever the policy reads it has to write now and then, or it unlearns to.
    """
    families = _kept_phrasings(holdouts).values()
    texts = [_SLOT.sub(" ", phrasing.text) for family in families for phrasing in family]
    names = [company.name for company in companies if not holdouts.company(company.cik)]
    return Heard(_often([*texts, *names], _OFTEN), _often(names, _IN_NAMES))


def _often(texts: Iterable[str], least: int) -> list[str]:
    """The words that stand in at least so many of `texts`."""
    times = Counter(word for text in texts for word in set(_WORD.findall(text.lower())))
    return sorted(word for word in times if times[word] >= least)


def without_telling(heard: Heard, holdouts: Holdouts) -> Heard:
    """`heard` without the words that tell that no figure is due, or would in the plural.

    What does is to do so wherever it stands in training.
    """
    tell = telling_words(holdouts)
    words = [word for word in heard.words if tell.isdisjoint((word, plural(word)))]
    return replace(heard, words=words)


def telling_words(holdouts: Holdouts) -> set[str]:
    """Words that tell that no figure is due, by how often they stand in such phrasings only."""
    kept = _kept_phrasings(holdouts)
    asking = [phrasing for family in sorted(PLAIN) for phrasing in kept[family]]
    return {
        word
        for kind in TALK_KINDS
        for word, ratio in telling(kept[kind], asking).items()
        if ratio >= _TELLS
    }


def _kept_phrasings(holdouts: Holdouts) -> dict[str, list[Phrasing]]:
    """Family → the phrasings that training has."""
    return {
        name: [phrasing for phrasing in family if phrasing.id not in holdouts.phrasings]
        for name, family in phrasings().items()
    }
