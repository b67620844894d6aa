"""Rendered figures whose scale words are doubled or contradict each other."""

import re

import pandas as pd

_SCALE = r"(?:thousand|million|billion|trillion|mn|mm|bn|tn)s?"
_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_UNIT = r"(?:shares?|dollars?|euros?|yen|usd|eur|gbp|jpy|twd|cny)"
# "thousands of fans" scale nothing, whatever stands before them.
_AGAIN = rf"(?:(?:of|in)\s+{_SCALE}|{_SCALE}(?!\s+of\b))\b"
# "9 billion billion", "$9 billion million", "9bn million", "9 billion shares (in millions)".
DOUBLED_SCALE = (
    rf"(?i){_NUMBER}\)?\s*{_SCALE}(?:\s+{_UNIT})?\)?[\s\-,]+\(?{_AGAIN}"
    rf"|\b{_SCALE}\s+{_AGAIN}"
)
# A number that is already written out in whole units and then scaled: "9,000,000,000 billion".
WRITTEN_OUT_AND_SCALED = rf"(?i)\d{{1,3}}(?:,\d{{3}}){{3,}}(?:\.\d+)?\s*{_SCALE}\b"
_ANY = re.compile(f"{DOUBLED_SCALE}|{WRITTEN_OUT_AND_SCALED}".replace("(?i)", ""), re.IGNORECASE)


def contradicts_itself(text: str) -> bool:
    """Whether a text holds a figure with two scales: "$9 billion billion" → True."""
    return _ANY.search(text) is not None


def contradictions(texts: "pd.Series[str]") -> "pd.Series[bool]":
    """`contradicts_itself` for a column."""
    return texts.str.contains(_ANY.pattern, regex=True, case=False, na=False)
