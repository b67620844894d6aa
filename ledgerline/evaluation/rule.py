"""The baseline without a model: patterns and search, as a good engineer would write in a day.

It completes when the text ends where a figure would stand, takes the company, the metric and
the period named nearest to the caret, and inserts what search finds.
"""

import re
from collections.abc import Sequence
from typing import Literal

from ledgerline.environments.calls import write_call
from ledgerline.environments.filings import CLOSEST
from ledgerline.environments.transcript import Turn
from ledgerline.examples.mentions import Mention, Mentions, last_period

_CUE = re.compile(
    r"(?:\b(?:was|were|is|are|of|at|to|as|had|has|about|around|roughly|approximately|nearly|some"
    r"|reported|posted|recorded|booked|totaled|totalled|reached|hit|exceeded|by|with|equals)"
    r"|[:=|→,\-–•])\s*$",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"\b(?:discuss|expect|forecast|guidance|will|would|should|meet|met|call|ask|hope|target)\w*\b",
    re.IGNORECASE,
)
_WINDOW = 400
"""Characters before the caret that are looked at: a paragraph."""

NOTHING = write_call("return_answer", {"answer": ""})


class Rule:
    """A script for the filings environment; it needs the names of companies and metrics."""

    def __init__(self, mentions: Mentions):
        self._mentions = mentions

    def __call__(self, document: str, turns: Sequence[Turn]) -> str:
        """The next turn: a search, then what it found; or nothing."""
        if turns:
            figure, mark, _ = turns[-1].result.partition(" | ")
            found = mark and CLOSEST not in figure
            return write_call("return_answer", {"answer": figure}) if found else NOTHING
        asked = self.question(document)
        return write_call("search", asked) if asked else NOTHING

    def question(self, document: str) -> dict[str, str] | None:
        """What to search for, or None where no figure seems due."""
        text = document[-_WINDOW:]
        sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text.rstrip())[-1]
        if not _CUE.search(text) or _TALK.search(sentence):
            return None
        found = self._mentions.find(text)
        company = _nearest(text, found, "company")
        metric = _nearest(text, found, "metric")
        period = last_period(text)
        if company is None or metric is None or period is None:
            return None
        return {"company": company, "metric": metric, "period": period}


def _nearest(
    text: str, mentions: Sequence[Mention], kind: Literal["company", "metric"]
) -> str | None:
    named = [mention for mention in mentions if mention.kind == kind]
    return text[named[-1].start : named[-1].end] if named else None
