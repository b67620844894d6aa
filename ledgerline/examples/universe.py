"""What there is to write about: companies, metrics and figures, held out or not."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cache

from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Holdout
from ledgerline.examples.holdouts import Holdouts
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.facts import Company
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Figure, Search
from ledgerline.filings.series import Series

_TRIES = 12
_SAMPLED = 16

_AT_HAND = 64
_REUSE = 0.75

Suits = Callable[[Metric], bool]
"""Which metrics a kind of example can be about."""


class Universe:
    """Draws figures that hold out exactly the dimensions asked for."""

    def __init__(
        self,
        companies: Sequence[Company],
        search: Search,
        catalogue: Catalogue,
        holdouts: Holdouts,
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
        self._ciks = {
            held: [cik for cik in ordered if holdouts.company(cik) is held]
            for held in (False, True)
        }
        if not self._ciks[False]:
            raise LedgerlineError(
                "every company is held out: lower synthesize.holdouts.companies in params.yaml."
            )
        self._metrics = self._common_metrics()
        self._desks: dict[tuple[bool, bool, Suits], list[Series]] = {}
        self._fitting = cache(self._find_fitting)

    def _common_metrics(self) -> dict[str, int]:
        """Metric → how many of a few companies report it.

        Asking every company what it reports means reading every fact; a sample tells well enough
        which metrics are worth a try.
        """
        ordered = sorted(self.companies)
        sampled = ordered[:: max(1, len(ordered) // _SAMPLED)]
        counts = Counter(name for cik in sampled for name in self.search.metrics_of(cik))
        return {m.name: counts[m.name] for m in self.catalogue.metrics if counts[m.name]}

    def company(self, held: bool, rng: random.Random) -> Company | None:
        """A company, held out or not; None when there is none."""
        ciks = self._ciks[held]
        return self.companies[rng.choice(ciks)] if ciks else None

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
        for _ in range(_TRIES):
            series = self._at_hand(wanted, rng, suits) or self._fetched(wanted, rng, suits)
            if series is None:
                continue
            periods = sorted(
                period
                for period in series.candidates
                if period.span in spans and self.year_fits(period, wanted)
            )
            while periods:
                versions = series.find(periods.pop(rng.randrange(len(periods))))
                if versions is not None:
                    return versions.at(None)
        return None

    def _fetched(
        self, wanted: frozenset[Holdout], rng: random.Random, suits: Suits
    ) -> Series | None:
        """The figures of a company and metric drawn at random; None where it reports none."""
        company = self.company(Holdout.COMPANY in wanted, rng)
        name = self.metric(Holdout.METRIC in wanted, rng, suits)
        if company is None or name is None:
            return None
        series = self.search.versions(company.cik, name)
        if not series:
            return None
        desk = self._desk(wanted, suits)
        if len(desk) < _AT_HAND:
            desk.append(series)
        else:
            desk[rng.randrange(_AT_HAND)] = series
        return series

    def _at_hand(
        self, wanted: frozenset[Holdout], rng: random.Random, suits: Suits
    ) -> Series | None:
        """Figures fetched a while ago; reading a company's facts costs more than all the rest."""
        desk = self._desk(wanted, suits)
        if len(desk) < _AT_HAND or rng.random() > _REUSE:
            return None
        return rng.choice(desk)

    def _desk(self, wanted: frozenset[Holdout], suits: Suits) -> list[Series]:
        key = (Holdout.COMPANY in wanted, Holdout.METRIC in wanted, suits)
        return self._desks.setdefault(key, [])

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
