"""Names of companies that nobody knows, as many as are asked for.

They are made of any words and syllables on purpose. A policy that meets the same names over and
over learns with which pieces of words a name begins, and can't begin one with any other piece; one
that meets these has to copy what stands in the document, whoever it is.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ledgerline.examples.everyday_words import ADJECTIVES, NOUNS
from ledgerline.examples.indicators import initials, invented_word

_LINES = (
    "Analytics", "Associates", "Bancorp", "Brands", "Capital", "Financial", "Foods", "Global",
    "Group", "Healthcare", "Holdings", "Industries", "International", "Labs", "Media", "Networks",
    "Partners", "Pharma", "Resources", "Services", "Solutions", "Systems", "Technologies", "Trust",
)  # fmt: skip
_FORMS = (
    " Inc.", ", Inc.", " Corp.", " Corporation", " Company", " Co.", " Ltd.", " Limited", " PLC",
    " LLC", ", L.P.", " N.V.", " S.A.", " AG", " & Co.",
)  # fmt: skip
_CAPITALS = 0.2
_STUTTERING = 0.15
_ALIKE = 0.25
_HEARD = 0.3
_OF_NAMES = 0.3


@dataclass(frozen=True, slots=True)
class Heard:
    """Words that names which are made up have too: `words` of documents, and those of which
    companies' `names` are made. Of such a word a policy that reads a few names learns where in a
    name it stands, and would go on where a name ends with it for once.
    """

    words: Sequence[str] = ()
    names: Sequence[str] = ()


NOTHING = Heard()


def firm(rng: random.Random, heard: Heard = NOTHING) -> str:
    """A name such as "Walnut Sanela", "TARIFF & SONS", "Obralix, Obrand & Pell Ltd." or "QVT"."""
    first = _word(rng, heard)
    second, third = (_beside(first, rng, heard) for _ in range(2))
    line, other = rng.sample(_LINES, 2)
    shapes = (
        first,
        first,
        f"{first} {line}",
        f"{first} {line}",
        f"{first} {second}",
        f"{first} {second} {line}",
        f"{first} {second} {third}",
        f"{first}-{second}",
        f"{first}-{second} {line}",
        f"{first} & {second}",
        f"{first} {second} & {third}",
        f"{first} {line} & {other}",
        f"{first}, {second} & {third}",
        f"{first} & Sons",
        f"{first} of {second}",
        f"{first} of {second} {line}",
        f"{first} {second} of {third}",
        f"{first}{second.lower()}",
        initials(rng),
    )
    name = rng.choice(shapes)
    if " " in name and rng.random() < 0.3:
        name += rng.choice(_FORMS)
    return name.upper() if rng.random() < _CAPITALS else name


def _beside(first: str, rng: random.Random, heard: Heard) -> str:
    """Another word of a name, which may begin or end as the first does: where a copy has come to
    is then told only by what stands before.
    """
    word = _word(rng, heard)
    if rng.random() < _ALIKE:
        shared = rng.randint(1, 4)
        begins = rng.random() < 0.5
        word = first[:shared] + word[1:] if begins else word[:-1] + first[-shared:].lower()
    return word


def _word(rng: random.Random, heard: Heard) -> str:
    if heard.words and rng.random() < _HEARD:
        return rng.choice(heard.words).capitalize()
    if heard.names and rng.random() < _OF_NAMES:
        return rng.choice(heard.names).capitalize()
    if rng.random() < 0.5:
        return rng.choice(NOUNS if rng.random() < 0.7 else ADJECTIVES).capitalize()
    word = invented_word(rng)
    if rng.random() < _STUTTERING:  # "Tumdum": which of two like pieces a copy has come to
        at = rng.randint(2, 4)
        word = word[:at] + word[:at] + word[at:]
    return word.capitalize()
