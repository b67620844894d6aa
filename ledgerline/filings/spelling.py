"""Company names as people write them, from the capitals that EDGAR keeps; texts for comparison."""

# ruff: noqa: SIM905 - long lists of words read better as text

import re

_STATE = re.compile(r"\s*[/\\][A-Za-z ]{2,12}[/\\]?\s*$")
_PUNCTUATION = re.compile(r"[^a-z0-9$%]+")
_LOWER = frozenset("of and the for in at on de la y e du des von van".split())
_UPPER = frozenset(
    "II III IV VI USA US UK NA SA NV AG SE PLC LLC LP LLP REIT IBM CBS NBC AMC BP GE AES CSX DTE "
    "PPL UGI MGM KLA HCA NRG TJX PNC BB&T AT&T H&R PG&E J&J".split()
)


def display_name(name: str) -> str:
    """`name` without EDGAR's state mark, in mixed case if it is in capitals.

    Single letters, words without vowels and known initialisms stay in capitals:
    "OWENS ILLINOIS INC /DE/" → "Owens Illinois Inc", "CSX CORP" → "CSX Corp".
    """
    name = re.sub(r"\s+", " ", _STATE.sub("", name)).strip()
    if not name.isupper():
        return name
    words = name.split(" ")
    return " ".join(_word(word, first=position == 0) for position, word in enumerate(words))


def _word(word: str, first: bool) -> str:
    bare = word.strip(",.")
    if bare in _UPPER or "&" in bare or any(c.isdigit() for c in bare):
        return word
    if not first and bare.lower() in _LOWER:
        return word.lower()
    if bare in ("LTD", "MFG", "CORP", "INTL", "BROS", "MGMT", "BLDG", "HLDGS", "GRP"):
        return word.capitalize()
    if len(bare) == 1 or (len(bare) <= 4 and not re.search("[AEIOUY]", bare)):
        return word
    return "-".join(part.capitalize() for part in word.split("-"))


def folded(text: str) -> str:
    """A document without case and punctuation: two that differ in no more are the same."""
    return _PUNCTUATION.sub(" ", text.lower()).strip()
