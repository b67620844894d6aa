"""The filings environment: look figures up, then answer or stay silent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from ledgerline.examples.example import Example
from ledgerline.examples.mentions import Mentions, last_period
from ledgerline.filings.chatter import without_chatter
from ledgerline.filings.period_words import YEAR_BEFORE
from ledgerline.filings.reckoning import read_reckoning, renamed, with_metrics
from ledgerline.filings.search import Argument, Figure, Hit, Miss, Search

CLOSEST = "Closest: "
"""Begins what the search that a miss suggests finds."""
SUGGESTED = "Try "
"""Begins the arguments of the search that a miss suggests, as JSON, where that finds nothing."""
_MARKS = " ,.;:–—-'’|/"
"""Signs between two names."""


class FilingsEnvironment:
    """Completes the figure at the end of a document, from what companies filed."""

    instructions = (
        "You complete the document at its end. Say in a word what comes next there, such as "
        "figure, date or reason. If it is a figure from a company's SEC filings, look it up with "
        "search and give it with return_answer, written as search shows it. If it is none, or "
        "it can't be found, call return_answer with an empty answer."
    )
    final_tool = "return_answer"

    def __init__(self, search: Search):
        self._search = search
        self._document = ""
        self._glossary: tuple[tuple[str, str], ...] = ()
        self._document_date: date | None = None
        self.evidence: list[Mapping[str, Any]] = []

    def reset(
        self,
        document: str = "",
        document_date: date | str | None = None,
        glossary: Iterable[tuple[str, str]] = (),
        **_: Any,
    ) -> str:
        """Begin with `document`, written on `document_date` (ISO text or a date).

        `glossary`: names for metrics, companies or periods, as the document has them, that only its
        readers know, each with the usual one.
        """
        if isinstance(document_date, str):
            document_date = date.fromisoformat(document_date)
        self._document = document
        self._glossary = tuple((name, usual) for name, usual in glossary)
        self._document_date = document_date
        self.evidence = []
        return document

    def search(self, company: str = "", metric: str = "", period: str = "") -> str:
        """Look up one figure in the filings.

        Args:
            company: The company, as people write it or its ticker.
            metric: What is measured, as people write it. Of a metric also `change in x` and
                `percent change in x`, against the year before and without a sign; of two `x / y`.
            period: The fiscal period or date, as people write it.

        Returns:
            The figure with what it is, or what could not be found and what is closest, as far as
            the document or the filings suggest something instead.
        """
        asked: dict[Argument, str] = {"company": company, "metric": metric, "period": period}
        answer = self._found(asked)
        entry: dict[str, Any] = {"tool": "search", "arguments": asked, "argument": None}
        self.evidence.append(entry)
        if isinstance(answer, Hit):
            entry |= _evidence(answer)
            return _described(answer.figure)
        failed = answer.argument
        entry |= {"hit": False, "argument": failed, "text": answer.message}
        meant = self._meant(asked, failed)
        if meant is None:
            near = f" Near: {'; '.join(answer.near)}" if answer.near else ""
            return f"{answer.message}{near}"
        # What was asked is not said again: whoever copies would copy that.
        closest = self._found(meant)
        if isinstance(closest, Hit) and not self._goes_on(asked[failed], meant[failed]):
            entry |= _evidence(closest)
            return f"No such {failed}. {CLOSEST}{_described(closest.figure)}"
        return f"No such {failed}. {SUGGESTED}{json.dumps(meant, ensure_ascii=False)}"

    def _found(self, asked: Mapping[Argument, str]) -> Hit | Miss:
        meant = {name: self._repaired(name, text) for name, text in asked.items()}
        plain = {name: self._plain(name, text) for name, text in meant.items()}
        return self._search(**plain, as_of=self._document_date)

    def _repaired(self, argument: Argument, text: str) -> str:
        """`text` with its names cut short completed, and without those of other arguments."""

        def repaired(name: str) -> str:
            return self._apart(argument, self._whole(argument, name))

        whole = repaired(text)
        if argument != "metric" or whole != text or self._is_name(text):
            return whole
        return with_metrics(text, repaired)

    def _is_name(self, text: str) -> bool:
        """Whether the document calls a metric just so, be it "change in working capital"."""
        return text.casefold() in map(str.casefold, self._names("metric"))

    def _whole(self, argument: Argument, text: str) -> str:
        """The name in the document of which `text` is a piece, if it is; else `text`."""
        words = text.casefold().split()
        names = self._names(argument)
        wholes = [name for name in names if _within(words, name.casefold().split())]
        return wholes[-1] if wholes and text not in names else text

    def _apart(self, argument: Argument, text: str) -> str:
        """A company or metric without the names of other arguments in it, where what is left has a
        meaning: "Apple revenue", "revenue of Apple" and "revenue for fiscal 2023" are revenue.
        """
        if argument == "period" or text in self._names(argument):
            return text
        others = [
            *self._names("metric" if argument == "company" else "company"),
            *self._names("period"),
        ]
        rests = (
            rest.strip(_MARKS)
            for other in reversed(others)
            if other in text
            for rest in text.split(other, 1)
        )
        forms = (form for rest in rests for form in (rest, *without_chatter(rest)))
        known = (
            form for form in forms if self._search.knows(argument, self._plain(argument, form))
        )
        return next(known, text)

    def _meant(self, asked: Mapping[Argument, str], failed: Argument) -> dict[Argument, str] | None:
        """The arguments as the document itself has them, where that may help.

        What search knows stays as it was asked for; of the rest the name nearest to the caret is
        taken. None where what failed is what the document says: a metric that begins with the name
        of another is none of these.
        """
        meant = dict(asked)
        for argument, text in asked.items():
            known = self._search.knows(argument, self._plain(argument, text))
            names = self._names(argument)
            if names and (argument == failed or not known):
                meant[argument] = (
                    self._suggested(text, names) if argument == "metric" else names[-1]
                )
        if self._search.alike(failed, meant[failed], asked[failed]) or (
            failed == "metric" and self._goes_on(asked[failed], meant[failed])
        ):
            return None
        return meant

    def _goes_on(self, asked: str, name: str) -> bool:
        """Whether what was asked for is `name` and more: "revenue per visit" is no revenue.

        Only where the document has it so: else it was misread.
        """
        longer = _within(name.casefold().split(), asked.casefold().split())
        return longer and asked in self._document

    def _suggested(self, text: str, names: Sequence[str]) -> str:
        """The metric's name nearest to the caret, or what `text` asks to reckon, of such names.

        Of a ratio what is known stays; where neither half is, nothing says which is which.
        """
        read = read_reckoning(text)
        if read is None:
            return names[-1]
        reckoning, metrics = read
        known = [self._search.knows("metric", self._plain("metric", each)) for each in metrics]
        others = [name for name in names if name not in metrics]
        if sum(known) < len(metrics) - 1 or not others:
            return names[-1]
        return reckoning.form.format(
            *(each if sure else others[-1] for each, sure in zip(metrics, known, strict=True))
        )

    def _names(self, argument: Argument) -> list[str]:
        """The document's own phrases that may name an argument, the nearest to the caret last."""
        names = _named(self._search, self._document)[argument]
        coined = _glossary_of(self._search, self._glossary)[argument]
        known = [name for name in coined if name in self._document]
        return sorted(known + names, key=self._document.rfind)

    def _plain(self, argument: Argument, text: str) -> str:
        """What the glossary says of `text` as that argument, or else `text`."""
        coined = _glossary_of(self._search, self._glossary)[argument]
        meanings = {name.casefold(): usual for name, usual in coined.items()}
        if argument == "metric":
            return renamed(text, meanings)
        before, year_before, rest = text.casefold().partition(YEAR_BEFORE)
        if argument == "period" and year_before and not before:
            return f"{YEAR_BEFORE} {meanings.get(rest.strip(), rest.strip())}"
        return meanings.get(text.casefold(), text)

    def return_answer(self, answer: str) -> str:
        """End with the figure that completes the document, or with nothing.

        Args:
            answer: The figure as it should stand in the document; empty when none is due.

        Returns:
            An acknowledgement.
        """
        return "Answered." if answer.strip() else "Left empty."


def _evidence(hit: Hit) -> dict[str, Any]:
    """A hit as evidence; `of` are the figures that it was reckoned from, if it was."""
    return {
        "hit": True,
        "text": hit.figure.text,
        **_fact(hit.figure),
        "company": hit.figure.company,
        "derived": hit.figure.derived,
        "of": [_fact(figure) for figure in hit.of],
    }


def _fact(figure: Figure) -> dict[str, Any]:
    return {
        "value": str(figure.value),
        "unit": figure.unit,
        "cik": figure.cik,
        "metric": figure.metric,
        "period": figure.period.label,
        "accession": figure.accession,
    }


def _described(figure: Figure) -> str:
    """The figure and what it is, as search shows it."""
    notes = [note for note in (figure.derived, figure.corrected and "corrected") if note]
    note = f" ({'; '.join(notes)})" if notes else ""
    return (
        f"{figure.text} | {figure.company} | {figure.metric_display} | {figure.period.label}{note}"
    )


@lru_cache(maxsize=4)
def _names(search: Search) -> Mentions:
    """The names of what `search` knows."""
    return Mentions(search.companies.values(), search.catalogue)


@lru_cache(maxsize=10_000)
def _named(search: Search, document: str) -> dict[Argument, list[str]]:
    """For each argument the document's own phrases that may name it, the nearest to the caret last.

    Of periods it is only that one.
    """
    named: dict[Argument, list[str]] = {"company": [], "metric": [], "period": []}
    for mention in _names(search).find(document):
        named["metric" if mention.kind == "metric" else "company"].append(
            document[mention.start : mention.end]
        )
    last = last_period(document)
    if last:
        named["period"].append(last)
    return named


@lru_cache(maxsize=10_000)
def _glossary_of(
    search: Search, glossary: tuple[tuple[str, str], ...]
) -> dict[Argument, dict[str, str]]:
    """For each argument its part of the glossary: name → usual name."""
    arguments: tuple[Argument, ...] = ("company", "metric", "period")
    return {
        argument: {name: usual for name, usual in glossary if search.knows(argument, usual)}
        for argument in arguments
    }


def _within(words: Sequence[str], name: Sequence[str]) -> bool:
    """Whether `words` stand in `name`, one after the other, and are not all of it.

    The last may be cut short, to no less than half of the word.
    """
    size = len(words)
    return (
        size > 0
        and words != name
        and any(
            name[at : at + size - 1] == words[:-1] and _begins(words[-1], name[at + size - 1])
            for at in range(len(name) - size + 1)
        )
    )


def _begins(piece: str, word: str) -> bool:
    return word.startswith(piece) and 2 * len(piece) >= len(word)


def episode_fields(example: Example) -> dict[str, Any]:
    """What `FilingsEnvironment.reset` takes, from an example."""
    return {
        "document": example.prompt,
        "document_date": example.document_date,
        "glossary": example.glossary,
    }
