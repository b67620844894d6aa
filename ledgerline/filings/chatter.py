"""The words of a sentence that are left hanging on a name when it is taken out of one.

"According to the filing, Kortunara, Inc." and "had net income" are names with a rest of their
sentences. Only words that no meaning hangs on are here: nothing that makes another figure of one
("net", "other", "growth", "paid", "from", "US") or that a period is named by ("ended", "May").
"""

# ruff: noqa: SIM905 - long lists of words read better as text

import re
from collections.abc import Iterator, Sequence, Set
from functools import cache

_LONGEST = 12
"""Words taken off an end at most."""

CHATTER = frozenset(
    "a an the this that these those its their our your my "
    "we you they he she who which what where when how much there here "
    "and but so then while also again now as at for in of on with during about "
    "approximately around roughly nearly almost just only some "
    "is are was were be been being has had have having do does did "
    "said says say saying told tells note noted noting stated mentioned wrote "
    "report reports reported reporting disclose discloses disclosed disclosing announce announces "
    "announced announcing published released filed filing filings according show shows showed "
    "shown showing indicated indicates presented listed posted posts recorded delivered booked "
    "came come comes coming brought bring brings put puts made makes saw sees see seen got ran "
    "totaled totalled totaling totals amounted amounts amount reached hit stood stands spent "
    "include includes included compared versus vs record "
    "want wants wanted need needs needed asked ask please give find look looking get know "
    "result results update updates figure figures number numbers".split()
) | {"came to", "comes to", "amounted to", "amounts to", "according to", "compared to"}
"""Words about any name; two words stand together where one of them alone would mean something."""

DEEDS = CHATTER | frozenset(
    "to from by up down generated generates earned earns earnings paid pays held holds grew grows "
    "rose rises fell falls increased decreased declined dropped climbed improved ended ends "
    "finished closed closes recognized recognised used raised repurchased returned issued declared "
    "invested lost gained expects expected".split()
)
"""Words about a company: what it does, too, which of a metric would make another one."""


def without_chatter(text: str, words: frozenset[str] = CHATTER) -> Iterator[str]:
    """`text` without some of `words` at its ends, as much as can be kept first.

    Nothing comes of a text in which no other word stands.

    >>> list(without_chatter("had On Holding results", DEEDS))
    ['On Holding results', 'had On Holding', 'Holding results', 'On Holding', 'Holding']
    """
    found = list(re.finditer(r"\S+", text))
    bare = [re.sub(r"'s$|^\W+|\W+$", "", match[0].lower().replace("’", "'")) for match in found]
    heads = _removable(bare, words)
    tails = _removable(bare[::-1], _backwards(words))
    if all(not word or word in words for word in bare):
        return
    cuts = sorted((head + tail, tail, head) for head in heads for tail in tails)
    for taken, tail, head in cuts[1:]:
        if taken < len(bare):
            yield text[found[head].start() : found[-1 - tail].end()]


@cache
def _backwards(words: frozenset[str]) -> frozenset[str]:
    return frozenset(" ".join(reversed(word.split())) for word in words)


def _removable(bare: Sequence[str], words: Set[str]) -> list[int]:
    """How many words can be taken off the front, fewest first, 0 among them."""
    reached = [0]
    for count in range(1, min(len(bare), _LONGEST) + 1):
        one, two = bare[count - 1], " ".join(bare[max(count - 2, 0) : count])
        alone = count - 1 in reached and (not one or one in words)
        if alone or (count - 2 in reached and two in words):
            reached.append(count)
    return reached
