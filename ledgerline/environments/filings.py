"""The filings environment: look figures up, then answer or stay silent."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from ledgerline.examples.example import Example
from ledgerline.examples.mentions import Mentions, last_period
from ledgerline.filings.search import Argument, Hit, Search

SUGGESTED = "In the document: "
"""Begins the search that a miss suggests: company, metric and period, with bars between them."""


class FilingsEnvironment:
    """Completes the figure at the end of a document, from what companies filed."""

    instructions = (
        "You complete the document at its end. If a figure from a company's SEC filings is due "
        "there, look it up with search and give it with return_answer, written as search shows "
        "it. If no figure is due, or it can't be found, call return_answer with an empty answer."
    )
    final_tool = "return_answer"

    def __init__(self, search: Search):
        self._search = search
        self._document = ""
        self._document_date: date | None = None
        self.evidence: list[Mapping[str, Any]] = []

    def reset(self, document: str = "", document_date: date | str | None = None, **_: Any) -> str:
        """Begin with `document`, written on `document_date` (ISO text or a date)."""
        if isinstance(document_date, str):
            document_date = date.fromisoformat(document_date)
        self._document = document
        self._document_date = document_date
        self.evidence = []
        return document

    def search(self, company: str = "", metric: str = "", period: str = "") -> str:
        """Look up one figure in the filings.

        Args:
            company: The company, as people write it or its ticker.
            metric: What is measured, as people write it.
            period: The fiscal period or date, as people write it.

        Returns:
            The figure with what it is, or what could not be found and the search that the
            document or the filings suggest instead.
        """
        answer = self._search(company, metric, period, as_of=self._document_date)
        asked: dict[Argument, str] = {"company": company, "metric": metric, "period": period}
        entry: dict[str, Any] = {"tool": "search", "arguments": asked}
        if isinstance(answer, Hit):
            figure = answer.figure
            entry |= {
                "hit": True,
                "argument": None,
                "text": figure.text,
                "value": str(figure.value),
                "unit": figure.unit,
                "cik": figure.cik,
                "company": figure.company,
                "metric": figure.metric,
                "period": figure.period.label,
                "accession": figure.accession,
            }
            notes = [note for note in (figure.derived, figure.corrected and "corrected") if note]
            note = f" ({'; '.join(notes)})" if notes else ""
            reply = (
                f"{figure.text} | {figure.company} | {figure.metric_display} | "
                f"{figure.period.label}{note}"
            )
        else:
            entry |= {"hit": False, "argument": answer.argument, "text": answer.message}
            meant = self._meant(asked, answer.argument)
            near = f" Near: {'; '.join(answer.near)}" if answer.near else ""
            # What was asked is not said again where the right search stands beside it.
            reply = (
                f"No such {answer.argument}. {SUGGESTED}{' | '.join(meant)}"
                if meant
                else f"{answer.message}{near}"
            )
        self.evidence.append(entry)
        return reply

    def _meant(self, asked: Mapping[Argument, str], failed: Argument) -> list[str] | None:
        """Company, metric and period as the document itself has them, where that may help.

        What search knows stays as it was asked for; of the rest the mention nearest to the caret
        is taken. None where what failed is what the document says.
        """
        knows, named = self._search.knows, self._nearest_mentions()
        meant = {
            argument: text
            if argument not in named or (argument != failed and knows(argument, text))
            else named[argument]
            for argument, text in asked.items()
        }
        if self._search.alike(failed, meant[failed], asked[failed]):
            return None
        return list(meant.values())

    def _nearest_mentions(self) -> dict[Argument, str]:
        """For each argument the last of the document's phrases that may name it."""
        named: dict[Argument, str] = {}
        for mention in _names(self._search).find(self._document):
            named["metric" if mention.kind == "metric" else "company"] = self._document[
                mention.start : mention.end
            ]
        last = last_period(self._document)
        return named | {"period": last} if last else named

    def return_answer(self, answer: str) -> str:
        """End with the figure that completes the document, or with nothing.

        Args:
            answer: The figure as it should stand in the document; empty when none is due.

        Returns:
            An acknowledgement.
        """
        return "Answered." if answer.strip() else "Left empty."


@lru_cache(maxsize=4)
def _names(search: Search) -> Mentions:
    """The names of what `search` knows."""
    return Mentions(search.companies.values(), search.catalogue)


def episode_fields(example: Example) -> dict[str, Any]:
    """What `FilingsEnvironment.reset` takes, from an example."""
    return {"document": example.prompt, "document_date": example.document_date}
