"""Real prose: sentences of filings, cut at a figure, become drafts like any author's.

A sentence is a line of JSON with the keys sentence, entity, form, period_end, source, and facts:
its inline-XBRL facts with concept, value, start, end, dims and char_span. What the sentence leaves
to its document (who speaks, when, of what period) stands in front of it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from ledgerline.errors import LedgerlineError
from ledgerline.examples.confirm import Draft, Refusal
from ledgerline.examples.example import Ask, Holdout, Lookup
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.mentions import Mentions, fiscal_years
from ledgerline.examples.wording import long_date, short_name
from ledgerline.filings.search import Hit, Search

DUE, NOT_DUE = "prose", "prose_not_filed"
"""Kinds: the figure is in the store, or it is of a part (a segment, a footnote) that is not."""

_CURRENCY = re.compile(r"[$€£¥(\s]+$")
_DATE = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"\s\d{1,2},\s\d{4}"
)
_PERIODS = re.compile(
    rf"(?:the\s)?(?:three|six|nine|twelve)\smonths\sended\s{_DATE}"
    rf"|(?:the\s)?(?:fiscal\s)?(?:year|quarter)\sended\s{_DATE}|{_DATE}"
    r"|fiscal(?:\syear)?\s\d{4}|(?<=during\s)\d{4}|(?<=\bin\s)\d{4}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A figure in a sentence: what XBRL says of it, and where its digits begin."""

    concept: str
    value: Decimal
    end: date
    has_dimensions: bool
    begins: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a filing with its figures, and what its document says of itself."""

    text: str
    company: str
    form: str
    period_end: date
    filed: date
    figures: tuple[Tagged, ...]

    @property
    def heading(self) -> str:
        """The document in a few words, as its first page has them."""
        span = "year" if self.form.startswith(("10-K", "20-F")) else "quarter"
        return f"{short_name(self.company)}, {span} ended {long_date(self.period_end)}: "


def read_sentences(lines: Iterable[bytes], name: str) -> Iterator[Sentence]:
    """Sentences from lines of JSON; `name` is for messages.

    Raises:
        LedgerlineError: a line is not such a sentence.
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield _sentence(orjson.loads(line))
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise LedgerlineError(
                f"{name}, line {number}: not a tagged sentence ({type(error).__name__}: {error})."
            ) from error


def drafts_of(sentence: Sentence, search: Search, longest: int) -> Iterator[Draft | Refusal]:
    """A draft for each figure of `sentence`, cut where it stands, or why it makes none.

    A figure is due if the store has it under a metric of its concept and a period that the text
    before the cut names; what is tagged with dimensions is of a part of the company, and not due.
    `longest` is the prompt's limit in characters; of a longer sentence the beginning is left out.
    """
    cuts: set[int] = set()
    for figure in sentence.figures:
        before = _CURRENCY.sub(" ", sentence.text[: figure.begins])
        if figure.begins in cuts or not before.strip():
            continue
        cuts.add(figure.begins)
        room = longest - len(sentence.heading)
        if len(before) > room:
            before = before[-room:].partition(" ")[2]
        draft = Draft(
            kind=NOT_DUE,
            prompt=sentence.heading + before,
            document_date=sentence.filed,
            calls=(),
            ask=Ask.NOTHING,
            phrasing=f"prose-{hashlib.sha256(before.encode()).hexdigest()[:8]}",
            register="filing",
            source="prose",
        )
        if figure.has_dimensions:
            yield draft
            continue
        yield _due(draft, sentence, figure, search)


def placed(draft: Draft, mentions: Mentions, holdouts: Holdouts) -> Draft:
    """`draft` with what it holds out, read off its text and its figure.

    Every sentence has a phrasing of its own; a fifth of them is kept for evaluation.
    """
    held = {
        Holdout(mention.kind)
        for mention in mentions.find(draft.prompt)
        if all(holdouts.holds(Holdout(mention.kind), key) for key in mention.keys)
    }
    years = fiscal_years(draft.prompt)
    if draft.intended is not None:
        cik, metric, period = draft.intended
        held |= {d for d, key in ((Holdout.COMPANY, cik), (Holdout.METRIC, metric))
                 if holdouts.holds(d, key)}  # fmt: skip
        years.add(period.fiscal_year)
    if years & holdouts.fiscal_years:
        held.add(Holdout.PERIOD)
    if holdouts.invented(Holdout.PHRASING, draft.phrasing):
        held.add(Holdout.PHRASING)
    return replace(draft, holdouts=frozenset(held))


def _due(draft: Draft, sentence: Sentence, tagged: Tagged, search: Search) -> Draft | Refusal:
    """`draft` with the look-up that finds the tagged value, copied from the text if it can be."""
    metrics = search.catalogue.tags.get(tagged.concept, ())
    if not metrics:
        return Refusal("of no metric in the catalogue", draft, tagged.concept)
    written = [match[0] for match in _PERIODS.finditer(draft.prompt)]
    heading = sentence.heading.partition(", ")[2].rstrip(": ")
    for metric in metrics:
        names = (metric.display, *metric.aliases)
        present = [name for name in names if name.lower() in draft.prompt.lower()]
        words = max(present, key=len, default=metric.display)
        start = draft.prompt.lower().find(words.lower())
        if start >= 0:
            words = draft.prompt[start : start + len(words)]
        for period in dict.fromkeys([*reversed(written), heading]):
            lookup = Lookup(short_name(sentence.company), words, period)
            answer = search(lookup.company, lookup.metric, lookup.period, as_of=draft.document_date)
            if isinstance(answer, Hit) and answer.figure.value == tagged.value:
                found = answer.figure
                return replace(
                    draft,
                    kind=DUE,
                    calls=(lookup,),
                    ask=Ask.FIGURE,
                    intended=(found.cik, found.metric, found.period),
                )
    return Refusal("not in the store for a period that is written", draft, tagged.concept)


def _sentence(entry: Mapping[str, Any]) -> Sentence:
    # iXBRL keeps the non-breaking spaces of its layout; people type plain ones.
    text = str(entry["sentence"]).replace("\xa0", " ")
    ended = str(entry["period_end"]).replace("\xa0", " ").title()
    period_end = datetime.strptime(ended, "%B %d, %Y").date()
    dated = re.search(r"\d{4}-\d{2}-\d{2}", str(entry["source"]))
    figures = (
        Tagged(
            concept=str(fact["concept"]),
            value=Decimal(str(fact["value"])),
            end=date.fromisoformat(fact["end"]),
            has_dimensions=bool(fact["dims"]),
            begins=int(fact["char_span"][0]),
        )
        for fact in entry["facts"]
        # Some tags are on words ("one", a date), which are no figures.
        if isinstance(fact["value"], int | float)
    )
    return Sentence(
        text=text,
        company=str(entry["entity"]),
        form=str(entry["form"]),
        period_end=period_end,
        filed=date.fromisoformat(dated[0]) if dated else period_end + timedelta(days=45),
        figures=tuple(figures),
    )
