"""Phrasings: documents up to the caret, with slots, in four registers.

They are under `phrasings`, a folder for each family (a kind of slot filling), a file for each
register, a phrasing a line. A phrasing is a document up to the caret, which the loader ends with
one space. Its id is a hash of its text, so adding one leaves the hold-out of every other as it was.

    (a|b)        one of the alternatives, at random
    {company}    a company as people write it; {company's} in the possessive
    {metric}     what is measured; {Metric} as the first word of a sentence
    {period}     a fiscal period as a noun phrase; {Period} capitalised; {short} without an article,
                 which is what can stand before a noun
    {date}       a balance-sheet date; {Date} capitalised
    {was} {has}  agreeing with the metric's number
    {figure}     the figure of the metric before it, as filed
    {other}      a second metric of the same company and period, and {other_figure} its figure
    {prior}      the period one year before; {up} and {rose}: the direction between the two
"""

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

REGISTERS = ("memo", "deck", "email", "press")

_ALTERNATIVES = re.compile(r"\(([^()|]*(?:\|[^()|]*)+)\)")
_SLOT = re.compile(r"\{([a-zA-Z_']+)\}")
_FILLED = re.compile(r"(\{(?!was|has|up|rose)[a-zA-Z_']+\})")
"""Slots whose words are the author's; the others only agree with them."""
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


class Recombination:
    """New phrasings from the parts of written ones (data recombination: Jia and Liang, ACL 2016).

    What stands between two slots is exchanged for what stands between two such slots elsewhere.
    The result may read oddly; that is its use: whoever has seen a thousand of them finds the
    slots by what they are and not by the sentence around them.
    """

    def __init__(self, written: Sequence[Phrasing]):
        self._between: dict[tuple[str, str], list[str]] = defaultdict(list)
        for phrasing in written:
            for left, text, right in _parts(phrasing.text):
                self._between[_alike(left), _alike(right)].append(text)

    def like(self, phrasing: Phrasing, rng: random.Random) -> Phrasing:
        """A phrasing with the slots of `phrasing`, in their order, and its id."""
        text = "".join(
            rng.choice(self._between[_alike(left), _alike(right)]) + right
            for left, _, right in _parts(phrasing.text)
        )
        if any(_FILLED.search(group[1]) for group in _ALTERNATIVES.finditer(text)):
            return phrasing  # a bracket and a bar from two phrasings: a slot would be a choice
        return replace(phrasing, text=text)


def _alike(slot: str) -> str:
    """What stands beside a date may stand beside a period."""
    return {"{date}": "{period}", "{Date}": "{Period}"}.get(slot, slot)


@cache
def _parts(text: str) -> tuple[tuple[str, str, str], ...]:
    """What stands between the slots: (slot before, text, slot after), "" where there is none."""
    pieces = _FILLED.split(text)
    slots = ["", *pieces[1::2], ""]
    return tuple(zip(slots, pieces[::2], slots[1:], strict=False))


@cache
def phrasings() -> Mapping[str, tuple[Phrasing, ...]]:
    """Family → its phrasings, in the order in which they are written."""
    folder = files("ledgerline.examples") / "phrasings"
    return {
        family: tuple(
            _phrasing(family, register, text)
            for register in REGISTERS
            for text in (folder / family / f"{register}.txt").read_text("utf-8").splitlines()
        )
        for family in sorted(each.name for each in folder.iterdir() if each.is_dir())
    }


def _phrasing(family: str, register: str, text: str) -> Phrasing:
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    slots = frozenset(slot[1] for slot in _SLOT.finditer(text))
    return Phrasing(f"{family}-{digest}", family, register, text, slots)


def expansions(text: str) -> list[str]:
    """Every choice of alternatives: "a (b|c)" → ["a b", "a c"]."""
    match = _ALTERNATIVES.search(text)
    if match is None:
        return [text]
    return [
        expanded
        for choice in match[1].split("|")
        for expanded in expansions(text[: match.start()] + choice + text[match.end() :])
    ]


def telling(some: Sequence[Phrasing], others: Sequence[Phrasing]) -> dict[str, float]:
    """Word → in how many of `some` it stands for one of `others`, were there as many of these."""
    few, many = _counted(some), _counted(others)
    odds = (len(others) + 1) / (len(some) + 1)
    return {word: odds * times / (many[word] + 1) for word, times in few.items()}


def _counted(phrasings: Sequence[Phrasing]) -> Counter[str]:
    return Counter(word for phrasing in phrasings for word in set(skeleton(phrasing.text)))


def skeleton(text: str) -> tuple[str, ...]:
    """The words that a phrasing fixes, in lower case: slots and digits left out."""
    return tuple(re.findall(r"[a-z']+", _SLOT.sub(" ", text).lower()))
