"""From a figure to a document: phrasing chosen, words found, slots filled."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import cycle
from math import isqrt

from ledgerline.examples.example import Holdout, Lookup
from ledgerline.examples.grammar import Phrasing, Recombination, expansions
from ledgerline.examples.universe import Universe
from ledgerline.examples.wording import (
    PeriodStyle,
    capitalised,
    company_words,
    is_plural,
    metric_words,
    period_style,
    possessive,
)
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.reckoning import Reckoning
from ledgerline.filings.search import Figure, Hit

_SLOTS = {
    Holdout.COMPANY: {"company", "company's"},
    Holdout.METRIC: {"metric", "Metric"},
    Holdout.PERIOD: {"period", "Period", "short", "date", "Date"},
}
OPENINGS = "openings"
_DUE = frozenset({"flow", "balance", "relative", "prior", "change", "growth", "margin", "several"})
"""Families that may be recombined: why none is due in another stands in some part of it."""
PLAIN = frozenset({"flow", "balance", "relative"})
"""Those of one figure: what asks for it in one does so in the others."""
_TRIES = 5
_GREETINGS = ("Hi", "Hello", "Thanks", "Cheers")


@dataclass(frozen=True, slots=True)
class Words:
    """What a draft says about one figure, in the words that fill the slots."""

    company: str
    metric: str
    period: str

    @property
    def lookup(self) -> Lookup:
        """The look-up that copies them."""
        return Lookup(self.company, self.metric, self.period)

    def reckoned(self, reckoning: Reckoning, *others: str) -> Lookup:
        """The look-up of what is reckoned from the metric, or from it and `others`."""
        return replace(self.lookup, metric=reckoning.form.format(self.metric, *others))


class Scribe:
    """Writes what it is told about in the phrasings of the grammar.

    All it writes follows from the random generator it is given and what its universe drew before.
    A share `recombined` of the phrasings are new ones, made of the parts of those not held out.
    Phrasings are taken in turn, in an order that is always the same, beginning so far `along` in
    it (0 to 1): of scribes that share out the work each has others.
    """

    def __init__(
        self,
        universe: Universe,
        families: Mapping[str, Sequence[Phrasing]],
        recombined: float = 0.0,
        along: float = 0.0,
    ):
        self.universe = universe
        self._families = families
        self._recombined = recombined
        self._along = along
        self._turns = cache(self._find_turns)
        self._parts = cache(self._find_parts)

    def phrasing(
        self,
        family: str,
        wanted: frozenset[Holdout],
        rng: random.Random,
        carrying: frozenset[Holdout] | None = None,
    ) -> Phrasing | None:
        """A phrasing of `family`, held out if `wanted` says so, with a slot for each dimension."""
        held = Holdout.PHRASING in wanted
        turns = self._turns(family, held, wanted if carrying is None else carrying)
        phrasing = next(turns, None)
        if phrasing is None:
            return None
        if family in _DUE and rng.random() < self._recombined:
            return self._recombination(family, phrasing, rng)
        return phrasing

    def _find_turns(
        self, family: str, held: bool, carrying: frozenset[Holdout]
    ) -> Iterator[Phrasing]:
        """What there is to choose from, round and round; a phrasing of many readings is there more
        than once.
        """
        fitting = [
            phrasing
            for phrasing in self._families[family]
            if (phrasing.id in self.universe.holdouts.phrasings) is held
            and all(
                phrasing.slots & _SLOTS[dimension] for dimension in carrying if dimension in _SLOTS
            )
            for _ in range(isqrt(len(expansions(phrasing.text))))
        ]
        random.Random(family).shuffle(fitting)
        begin = int(self._along * len(fitting))
        return cycle(fitting[begin:] + fitting[:begin])

    def _recombination(self, family: str, phrasing: Phrasing, rng: random.Random) -> Phrasing:
        """`phrasing` with parts of others that ask alike, none of them held out, nor the whole."""
        for _ in range(_TRIES):
            other = self._parts(family).like(phrasing, rng)
            if not self.universe.holdouts.is_near_held(other.text):
                return other
        return phrasing

    def _find_parts(self, family: str) -> Recombination:
        held = self.universe.holdouts.phrasings
        families = sorted(PLAIN) if family in PLAIN else [family]
        return Recombination(
            [one for name in families for one in self._families[name] if one.id not in held]
        )

    def words(
        self, figure: Figure, phrasing: Phrasing, rng: random.Random
    ) -> tuple[Words, PeriodStyle]:
        """How this draft writes the figure's company, metric and period."""
        metric = self.universe.catalogue.get(figure.metric)
        style = period_style(
            figure.period.span, metric.flow, compact="short" in phrasing.slots, rng=rng
        )
        period = style.write(figure.period, figure.end)
        written = Words(self.company_words(figure.cik, rng), self.metric_words(metric, rng), period)
        return self.as_written(written, phrasing), style

    def company_words(self, cik: int, rng: random.Random) -> str:
        company = self.universe.companies[cik]
        return company_words(company.name, company.ticker, rng)

    def metric_words(self, metric: Metric, rng: random.Random) -> str:
        return metric_words((metric.display, *metric.aliases), rng)

    @staticmethod
    def as_written(words: Words, phrasing: Phrasing) -> Words:
        """With the capitals that the phrasing gives them, so that copying is verbatim."""
        metric, period = words.metric, words.period
        if "Metric" in phrasing.slots:
            metric = capitalised(metric)
        if phrasing.slots & {"Period", "Date"}:
            period = capitalised(period)
        return Words(words.company, metric, period)

    def text(
        self,
        phrasing: Phrasing,
        words: Words,
        rng: random.Random,
        more: Mapping[str, str] | None = None,
    ) -> str:
        """The document: an opening of its register at times, then the phrasing, filled."""
        plural = is_plural(words.metric)
        slots = {
            "company": words.company,
            "company's": possessive(words.company),
            "metric": words.metric,
            "Metric": words.metric,
            "was": "were" if plural else "was",
            "has": "have" if plural else "has",
        }
        slots |= dict.fromkeys(("period", "Period", "short", "date", "Date"), words.period)
        body = phrasing.fill(slots | (dict(more) if more else {}), rng)
        if rng.random() < 0.25 and not body.startswith(_GREETINGS):
            body = f"{self._opening(phrasing.register, rng)} {body}"
        return body

    def _opening(self, register: str, rng: random.Random) -> str:
        openings = [p for p in self._families[OPENINGS] if p.register == register]
        return rng.choice(openings).text

    def written_on(self, figure: Figure, rng: random.Random) -> date:
        """A date after the figure was filed."""
        return figure.filed + timedelta(days=rng.randint(1, 200))

    def shown(self, words: Words, document_date: date) -> str | None:
        """The figure that the filings held on that day for these words, as text."""
        answer = self.universe.search(
            words.company, words.metric, words.period, as_of=document_date
        )
        return answer.figure.text if isinstance(answer, Hit) else None
