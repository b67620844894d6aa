"""The kinds of which no figure is due, near to those of which one is."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from ledgerline.examples.confirm import Draft
from ledgerline.examples.example import Ask, Holdout
from ledgerline.examples.firms import NOTHING, Heard, firm
from ledgerline.examples.grammar import Phrasing
from ledgerline.examples.indicators import indicator
from ledgerline.examples.scribe import Scribe, Words
from ledgerline.examples.template import PARTS, DueAuthor, is_plain_flow
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Figure

TALK_KINDS = (
    "narrative",
    "opinion",
    "headcount",
    "calendar",
    "reference",
    "estimate",
    "market",
)
"""Kinds with phrasings of their own, that ask for something else than a filed figure."""

SILENT_KINDS = (
    "mid_word",
    "unfinished",
    "already_written",
    *TALK_KINDS,
    "unreported_metric",
    "unknown_company",
    "future_period",
    "not_reported",
)

_CONTINUATIONS = ("", ".", ",", ". ", ", ", " and ", " in ", ", thanks to ", " – ", " after ")
_ANY_YEAR = 0.6
_WHOLE_YEAR = 0.6
_YEARS = frozenset(range(1950, 2070))


Cut = Callable[[Draft, random.Random], int | None]
"""Where to cut a draft's prompt, or None."""


class SilentAuthor:
    """Drafts of each silent kind; what holds them out is what their text mentions.

    Words `heard` may stand in names of what nobody files.
    """

    def __init__(self, scribe: Scribe, due: DueAuthor, heard: Heard = NOTHING):
        self.scribe = scribe
        self._heard = heard
        self.universe = scribe.universe
        self._due = due

    def draft(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """A draft of `kind` that holds out exactly `wanted`."""
        if kind in TALK_KINDS:
            return self._talk(kind, wanted, rng)
        match kind:
            case "mid_word":
                return self._cut(kind, _mid_word, wanted, rng)
            case "unfinished":
                return self._cut(kind, _before_the_last_slot, wanted, rng)
            case "already_written":
                return self._already_written(wanted, rng)
            case "unreported_metric" | "unknown_company" | "future_period" | "not_reported":
                return self._missing(kind, wanted, rng)
        raise ValueError(f"no silent kind {kind!r}")

    def _talk(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        phrasing = self.scribe.phrasing(kind, wanted, rng)
        figure = self._any_flow(wanted, rng)
        if phrasing is None or figure is None:
            return None
        words, _ = self.scribe.words(figure, phrasing, rng)
        prompt = self.scribe.text(phrasing, words, rng)
        return _silent(kind, prompt, self.scribe.written_on(figure, rng), phrasing, wanted)

    def _any_flow(self, wanted: frozenset[Holdout], rng: random.Random) -> Figure | None:
        # Years as often as parts of years, as where a figure is due: a quarter is no hint.
        span = Span.FY if rng.random() < _WHOLE_YEAR else rng.choice(PARTS)
        return self.universe.figure(wanted, {span}, rng, is_plain_flow)

    def _base(self, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        return self._due.draft(rng.choice(("annual", "quarterly", "balance")), wanted, rng)

    def _cut(
        self,
        kind: str,
        place: Cut,
        wanted: frozenset[Holdout],
        rng: random.Random,
    ) -> Draft | None:
        base = self._base(wanted, rng)
        if base is None:
            return None
        end = place(base, rng)
        if end is None:
            return None
        prompt = base.prompt[:end]
        # What was cut off is not held out any more.
        left = base.calls[0]
        mentioned = {
            Holdout.COMPANY: left.company,
            Holdout.METRIC: left.metric,
            Holdout.PERIOD: left.period,
        }
        if any(words not in prompt for held, words in mentioned.items() if held in wanted):
            return None
        return _silenced(base, kind, prompt)

    def _already_written(self, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        base = self._base(wanted, rng)
        if base is None:
            return None
        call = base.calls[0]
        figure = self.scribe.shown(
            Words(call.company, call.metric, call.period), base.document_date
        )
        if figure is None:
            return None
        return _silenced(base, "already_written", base.prompt + figure + rng.choice(_CONTINUATIONS))

    def _missing(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """A prompt like any other, of which only a look-up tells that nothing is due."""
        phrasing = self.scribe.phrasing("flow", wanted, rng)
        # The argument that names nothing real is held out by its own words, below.
        real = wanted - {_MISSING_DIMENSION[kind]}
        figure = self._any_flow(real, rng)
        if phrasing is None or figure is None:
            return None
        words, style = self.scribe.words(figure, phrasing, rng)
        company, metric, period = words.company, words.metric, words.period
        if kind == "unreported_metric":
            metric = indicator(rng, self._heard.words)
            key = metric
        elif kind == "unknown_company":
            company = key = firm(rng, self._heard)
        elif kind == "future_period":
            year = figure.filed.year + rng.randint(3, 20)
            if year in self.universe.holdouts.fiscal_years:
                return None
            later = Period(year, figure.period.span)
            period = style.write(later, _same_day(figure.end, year))
            key = str(year)
        else:
            absent = self._absent_metric(figure.cik, wanted, rng)
            if absent is None:
                return None
            metric, key = absent, ""
        if _MISSES[kind] != "period" and Holdout.PERIOD not in wanted and rng.random() < _ANY_YEAR:
            # What fails is looked for before the period, so that may be any: a policy that sees
            # fifteen years learns their digits by heart, and can't write the next.
            year = rng.choice(sorted(_YEARS - self.universe.holdouts.fiscal_years))
            period = style.write(Period(year, figure.period.span), _same_day(figure.end, year))
        if key and self.universe.holdouts.invented(_MISSING_DIMENSION[kind], key) is not (
            _MISSING_DIMENSION[kind] in wanted
        ):
            return None
        words = self.scribe.as_written(Words(company, metric, period), phrasing)
        prompt = self.scribe.text(phrasing, words, rng)
        draft = _silent(kind, prompt, self.scribe.written_on(figure, rng), phrasing, wanted)
        return replace(draft, calls=(words.lookup,), misses=_MISSES[kind])

    def _absent_metric(
        self, cik: int, wanted: frozenset[Holdout], rng: random.Random
    ) -> str | None:
        name = self.universe.metric(Holdout.METRIC in wanted, rng, is_plain_flow)
        if name is None or self.universe.search.versions(cik, name):
            return None
        return self.scribe.metric_words(self.universe.catalogue.get(name), rng)


_MISSING_DIMENSION = {
    "unreported_metric": Holdout.METRIC,
    "unknown_company": Holdout.COMPANY,
    "future_period": Holdout.PERIOD,
    "not_reported": Holdout.METRIC,
}
_MISSES = {
    "unreported_metric": "metric",
    "unknown_company": "company",
    "future_period": "period",
    "not_reported": "metric",
}


def _silent(
    kind: str, prompt: str, document_date: date, phrasing: Phrasing, wanted: frozenset[Holdout]
) -> Draft:
    return Draft(
        kind=kind,
        prompt=prompt,
        document_date=document_date,
        calls=(),
        ask=Ask.NOTHING,
        phrasing=phrasing.id,
        register=phrasing.register,
        holdouts=wanted,
    )


def _silenced(base: Draft, kind: str, prompt: str) -> Draft:
    """A draft made of a due one, so changed that nothing is due any more."""
    return replace(
        base,
        kind=kind,
        prompt=prompt,
        calls=(),
        ask=Ask.NOTHING,
        intended=None,
        phrasing=f"{kind}:{base.phrasing}",
    )


def _mid_word(draft: Draft, rng: random.Random) -> int | None:
    """Somewhere inside a word."""
    text = draft.prompt
    inside = [at for at in range(10, len(text)) if text[at - 1].isalpha() and text[at].isalpha()]
    return rng.choice(inside) if inside else None


def _before_the_last_slot(draft: Draft, rng: random.Random) -> int | None:
    """Behind a word, while the company, the metric or the period is still to come."""
    call = draft.calls[0]
    last = max(draft.prompt.rfind(words) for words in (call.company, call.metric, call.period))
    ends = [match.end() for match in re.finditer(r"\S+ ", draft.prompt) if 8 <= match.end() <= last]
    return rng.choice(ends) if ends else None


def _same_day(day: date, year: int) -> date:
    return day.replace(year=year, day=min(day.day, 28) if day.month == 2 else day.day)
