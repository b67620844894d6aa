"""The kinds of which a figure is due: figures of the store in the phrasings of the grammar."""

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from ledgerline.examples.confirm import Draft
from ledgerline.examples.example import Ask, Holdout, Lookup
from ledgerline.examples.grammar import Phrasing
from ledgerline.examples.scribe import Scribe, Words
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.period_words import YEAR_BEFORE
from ledgerline.filings.periods import QUARTERS, Span
from ledgerline.filings.reckoning import RECKONINGS
from ledgerline.filings.search import Figure

PARTS = (*QUARTERS, *QUARTERS, Span.H1, Span.M9)
ENDS = (Span.FY, Span.FY, *QUARTERS)


DUE_KINDS = (
    "annual",
    "quarterly",
    "balance",
    "relative",
    "comparison",
    "growth",
    "margin",
    "several",
)


def is_plain_flow(metric: Metric) -> bool:
    """Whether a metric is reported over a duration, and is itself no rate."""
    return metric.flow and metric.family not in ("margin", "growth")


def is_plain_balance(metric: Metric) -> bool:
    """Whether a metric is reported at a date, and is itself no rate."""
    return not metric.flow and metric.family != "growth"


def _is_money_flow(metric: Metric) -> bool:
    return metric.flow and metric.unit_kind == "money"


def _is_revenue(metric: Metric) -> bool:
    return metric.name == "revenue"


_PLAIN = {
    "annual": ("flow", (Span.FY,), is_plain_flow),
    "quarterly": ("flow", PARTS, is_plain_flow),
    "balance": ("balance", ENDS, is_plain_balance),
}
_OF_FAMILY = {
    "growth": lambda metric: metric.flow and metric.family == "growth",
    "margin": lambda metric: metric.flow and metric.family == "margin",
}


class DueAuthor:
    """Drafts of each due kind; None wherever a draw leads to nothing worth writing."""

    def __init__(self, scribe: Scribe):
        self.scribe = scribe
        self.universe = scribe.universe

    def draft(self, kind: str, wanted: frozenset[Holdout], rng: random.Random) -> Draft | None:
        """A draft of `kind` that holds out exactly `wanted`."""
        if kind in _PLAIN:
            return self.plain(kind, *_PLAIN[kind], wanted, rng)
        if kind in _OF_FAMILY and rng.random() < 0.3:
            # A metric of its own ("gross margin"), else reckoned from two figures.
            spans = (Span.FY, Span.FY, *QUARTERS)
            return self.plain(kind, "flow", spans, _OF_FAMILY[kind], wanted, rng)
        family = kind
        if kind == "comparison":
            family = "prior" if rng.random() < 0.7 else "change"
        write = {
            "relative": self.relative,
            "comparison": self.two_periods,
            "growth": self.two_periods,
            "margin": self.two_metrics,
            "several": self.two_metrics,
        }[kind]
        return write(kind, family, wanted, rng)

    def plain(
        self,
        kind: str,
        family: str,
        spans: Sequence[Span],
        suits: Callable[[Metric], bool],
        wanted: frozenset[Holdout],
        rng: random.Random,
    ) -> Draft | None:
        """One figure, asked for by company, metric and period."""
        phrasing = self.scribe.phrasing(family, wanted, rng)
        figure = self.universe.figure(wanted, {rng.choice(spans)}, rng, suits)
        if phrasing is None or figure is None:
            return None
        words, _ = self.scribe.words(figure, phrasing, rng)
        prompt = self.scribe.text(phrasing, words, rng)
        today = self.scribe.written_on(figure, rng)
        return _draft(kind, phrasing, wanted, prompt, today, words.lookup, figure)

    def relative(
        self, kind: str, family: str, wanted: frozenset[Holdout], rng: random.Random
    ) -> Draft | None:
        """A period that counts from the document's date, which stands in front."""
        span = rng.choice((Span.FY, *QUARTERS))
        phrasing = self.scribe.phrasing(family, wanted, rng)
        figure = self.universe.figure(wanted, {span}, rng, is_plain_flow)
        if phrasing is None or figure is None:
            return None
        text, earliest, latest = rng.choice(
            _YEARS_BACK if span is Span.FY else _quarters_back(span)
        )
        today = figure.end + timedelta(days=rng.randint(earliest, latest))
        if today <= figure.filed:
            return None
        metric = self.universe.catalogue.get(figure.metric)
        words = self.scribe.as_written(
            Words(
                self.scribe.company_words(figure.cik, rng),
                self.scribe.metric_words(metric, rng),
                text,
            ),
            phrasing,
        )
        prompt = f"[{today.isoformat()}] {self.scribe.text(phrasing, words, rng)}"
        return _draft(kind, phrasing, wanted, prompt, today, words.lookup, figure)

    def two_periods(
        self, kind: str, family: str, wanted: frozenset[Holdout], rng: random.Random
    ) -> Draft | None:
        """A figure and the one a year before: the earlier one, the change, or the growth."""
        phrasing = self.scribe.phrasing(family, wanted, rng, carrying=wanted - {Holdout.PERIOD})
        later = self.universe.figure(
            wanted, {rng.choice((Span.FY, Span.FY, *QUARTERS))}, rng, is_plain_flow
        )
        if phrasing is None or later is None:
            return None
        earlier = self.universe.latest(later.cik, later.metric, later.period.prior)
        if earlier is None or not self.universe.year_fits(earlier.period, wanted):
            return None
        words, style = self.scribe.words(later, phrasing, rng)
        prior = Words(words.company, words.metric, style.write(earlier.period, earlier.end))
        today = self.scribe.written_on(later, rng)
        figure = self.scribe.shown(words, today)
        if figure is None or later.value == earlier.value:
            return None
        grown = later.value > earlier.value
        more = {
            "figure": figure,
            "prior": prior.period,
            "up": "up" if grown else "down",
            "rose": "rose" if grown else "fell",
        }
        prompt = self.scribe.text(phrasing, words, rng, more)
        if family == "prior":
            if prior.period not in prompt:
                prior = Words(words.company, words.metric, f"{YEAR_BEFORE} {words.period}")
            return _draft(kind, phrasing, wanted, prompt, today, prior.lookup, earlier)
        ask = Ask.CHANGE if family == "change" else Ask.GROWTH
        lookup = words.reckoned(RECKONINGS[ask])
        return _draft(kind, phrasing, wanted, prompt, today, lookup, later, ask)

    def two_metrics(
        self, kind: str, family: str, wanted: frozenset[Holdout], rng: random.Random
    ) -> Draft | None:
        """Two metrics of one company and period: the second, or their ratio."""
        phrasing = self.scribe.phrasing(family, wanted, rng)
        asked = self.universe.figure(
            wanted, {rng.choice((Span.FY, Span.FY, *QUARTERS))}, rng, _is_money_flow
        )
        if phrasing is None or asked is None:
            return None
        other = self._companion(asked, ratio=family == "margin", rng=rng)
        if other is None:
            return None
        words, _ = self.scribe.words(asked, phrasing, rng)
        second = Words(
            words.company,
            self.scribe.metric_words(self.universe.catalogue.get(other.metric), rng),
            words.period,
        )
        today = self.scribe.written_on(asked, rng)
        figure = self.scribe.shown(second, today)
        if figure is None:
            return None
        more = {"other": second.metric, "other_figure": figure}
        prompt = self.scribe.text(phrasing, words, rng, more)
        if family != "margin":
            return _draft(kind, phrasing, wanted, prompt, today, words.lookup, asked)
        lookup = words.reckoned(RECKONINGS[Ask.RATIO], second.metric)
        return _draft(kind, phrasing, wanted, prompt, today, lookup, asked, Ask.RATIO)

    def _companion(self, asked: Figure, ratio: bool, rng: random.Random) -> Figure | None:
        """Another money flow of the same company and period; revenue below a ratio's line."""
        suits = _is_revenue if ratio else _is_money_flow
        name = self.universe.metric(False, rng, suits)
        if name is None or name == asked.metric:
            return None
        return self.universe.latest(asked.cik, name, asked.period)


def _draft(
    kind: str,
    phrasing: Phrasing,
    wanted: frozenset[Holdout],
    prompt: str,
    written_on: date,
    lookup: Lookup,
    found: Figure,
    ask: Ask = Ask.FIGURE,
) -> Draft:
    """A draft in `phrasing`; `lookup` is to find `found`, or what is reckoned from it first."""
    return Draft(
        kind=kind,
        prompt=prompt,
        document_date=written_on,
        calls=(lookup,),
        ask=ask,
        phrasing=phrasing.id,
        register=phrasing.register,
        holdouts=wanted,
        intended=(found.cik, found.metric, found.period),
    )


# (words, earliest and latest day after the period's end on which they mean that period)
_YEARS_BACK = (
    ("last year", 95, 330),
    ("last fiscal year", 95, 330),
    ("the prior year", 95, 330),
    ("the previous fiscal year", 95, 330),
    ("the latest fiscal year", 95, 330),
    ("the last completed fiscal year", 95, 330),
    ("the year before last", 460, 690),
    ("two years ago", 460, 690),
)
_QUARTERS_BACK = (
    ("last quarter", 50, 85),
    ("the last quarter", 50, 85),
    ("the latest quarter", 50, 85),
    ("the most recent quarter", 50, 85),
    ("the previous quarter", 140, 175),
    ("the prior quarter", 140, 175),
    ("the prior-year quarter", 415, 450),
    ("the year-ago quarter", 415, 450),
    ("the same quarter last year", 415, 450),
)


def _quarters_back(span: Span) -> tuple[tuple[str, int, int], ...]:
    nth = dict(zip(QUARTERS, ("first", "second", "third", "fourth"), strict=True))[span]
    # Days from this quarter's end to the end of its year, then into the year that follows.
    rest = 91 * (3 - QUARTERS.index(span))
    named = (f"the {nth} quarter of last year", rest + 95, rest + 330)
    return (*_QUARTERS_BACK, named, (f"{span.value} of last year", *named[1:]))
