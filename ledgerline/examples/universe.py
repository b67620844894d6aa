"""What there is to write about: companies, metrics and figures, held out or not."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Holdout
from ledgerline.examples.holdouts import Holdouts
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.facts import Company
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Figure, Search

_TRIES = 12
_SAMPLED = 16
_LEAST_STAY = 10
"""Figures drawn of a company in a row at least; reading what it filed costs more than all else."""

Suits = Callable[[Metric], bool]
"""Which metrics a kind of example can be about."""


@dataclass(slots=True)
class _Round:
    """Companies in the order of their turns; `left` figures more are drawn of the one at `at`."""

    ciks: list[int]
    at: int = -1
    left: int = 0

    def begin(self, rng: random.Random, stay: int) -> int:
        """The next company, whose turn lasts for `stay` figures; after the last, all anew."""
        self.at = (self.at + 1) % len(self.ciks)
        if self.at == 0:
            rng.shuffle(self.ciks)
        self.left = stay
        return self.ciks[self.at]


class Universe:
    """Draws figures that hold out exactly the dimensions asked for, one company after another.

    `figures` is about how many will be drawn: each company has its turn once, for its share of
    them.
    """

    def __init__(
        self,
        companies: Sequence[Company],
        search: Search,
        catalogue: Catalogue,
        holdouts: Holdouts,
        figures: int = 0,
    ):
        unknown = sorted(holdouts.metrics - {metric.name for metric in catalogue.metrics})
        if unknown:
            raise LedgerlineError(
                f"synthesize.holdouts.metrics in params.yaml: no metric is called {unknown}; "
                "catalogue.yaml has the names."
            )
        self.search = search
        self.catalogue = catalogue
        self.holdouts = holdouts
        self.companies = {company.cik: company for company in companies}
        ordered = sorted(self.companies)
        self._rounds = {
            held: _Round([cik for cik in ordered if holdouts.company(cik) is held])
            for held in (False, True)
        }
        if not self._rounds[False].ciks:
            raise LedgerlineError(
                "every company is held out: lower synthesize.holdouts.companies in params.yaml."
            )
        self._stay = max(_LEAST_STAY, ceil(figures / len(self._rounds[False].ciks)))
        self._metrics = self._common_metrics()
        self._fitting = cache(self._find_fitting)

    def _common_metrics(self) -> dict[str, int]:
        """Metric → how many of a few companies report it.

        Asking every company what it reports means reading every fact; a sample tells well enough
        which metrics are worth a try.
        """
        ordered = sorted(self.companies)
        sampled = ordered[:: max(1, len(ordered) // _SAMPLED)]
        counts: Counter[str] = Counter()
        for cik in sampled:
            self.search.open(cik)
            counts.update(self.search.metrics_of(cik))
        return {m.name: counts[m.name] for m in self.catalogue.metrics if counts[m.name]}

    def figure(
        self,
        wanted: frozenset[Holdout],
        spans: Collection[Span],
        rng: random.Random,
        suits: Suits,
    ) -> Figure | None:
        """A reported figure of a metric that `suits`, over one of `spans`, or None.

        Its company, metric and fiscal year are held out where `wanted` says so, and not
        where it doesn't.
        """
        turns = self._rounds[Holdout.COMPANY in wanted]
        if not turns.ciks:
            return None
        if turns.left == 0:
            self.search.open(turns.begin(rng, self._stay))
        turns.left -= 1
        for _ in range(_TRIES):
            name = self.metric(Holdout.METRIC in wanted, rng, suits)
            if name is None:
                return None
            series = self.search.versions(turns.ciks[turns.at], name)
            periods = sorted(
                period
                for period in series.candidates
                if period.span in spans and self.year_fits(period, wanted)
            )
            while periods:
                versions = series.find(periods.pop(rng.randrange(len(periods))))
                if versions is not None:
                    return versions.at(None)
        # A company that has nothing of the kind is not asked again in this round.
        turns.left = 0
        return None

    def year_fits(self, period: Period, wanted: frozenset[Holdout]) -> bool:
        """Whether the fiscal year is held out exactly if `wanted` asks for it."""
        return (period.fiscal_year in self.holdouts.fiscal_years) is (Holdout.PERIOD in wanted)

    def metric(self, held: bool, rng: random.Random, suits: Suits) -> str | None:
        """A metric that `suits`, held out or not.

        Each as often as any other: drawn by how many report it, a few would be all that is read.
        """
        names = self._fitting(held, suits)
        return rng.choice(names) if names else None

    def _find_fitting(self, held: bool, suits: Suits) -> list[str]:
        return [
            name
            for name in self._metrics
            if self.holdouts.metric(name) is held and suits(self.catalogue.get(name))
        ]

    def latest(self, cik: int, metric: str, period: Period) -> Figure | None:
        """A company's figure of a metric as it was last filed."""
        versions = self.search.versions(cik, metric).find(period)
        return versions.at(None) if versions else None
