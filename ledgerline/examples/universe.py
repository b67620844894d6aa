"""What there is to write about: companies, metrics and figures, held out or not."""

import random
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Holdout
from ledgerline.examples.holdouts import Holdouts
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.facts import Company
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Figure, Search

_TRIES = 12


class Universe:
    """Draws figures that hold out exactly the dimensions asked for."""

    def __init__(
        self,
        companies: Sequence[Company],
        search: Search,
        catalogue: Catalogue,
        holdouts: Holdouts,
    ):
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
        self.names = {company.name.lower() for company in companies}
        # Examples wander over companies at random; what they come back to is worth keeping.
        self.series = lru_cache(maxsize=200_000)(search.series)
        self._reported = lru_cache(maxsize=50_000)(search.metrics_of)

    def company(self, held: bool, rng: random.Random) -> Company | None:
        """A company, held out or not; None when there is none."""
        ciks = self._ciks[held]
        return self.companies[rng.choice(ciks)] if ciks else None

    def figure(
        self,
        wanted: frozenset[Holdout],
        spans: Collection[Span],
        rng: random.Random,
        suits: Callable[[Metric], bool],
    ) -> Figure | None:
        """A reported figure of a metric that `suits`, over one of `spans`, or None.

        Its company, metric and fiscal year are held out where `wanted` says so, and not
        where it doesn't.
        """
        for _ in range(_TRIES):
            company = self.company(Holdout.COMPANY in wanted, rng)
            if company is None:
                return None
            names = [
                name
                for name in self._reported(company.cik)
                if self.holdouts.metric(name) is (Holdout.METRIC in wanted)
                and suits(self.catalogue.get(name))
            ]
            if not names:
                continue
            series = self.series(company.cik, rng.choice(names))
            figures = [
                figure
                for period, figure in series.items()
                if period.span in spans and self.year_fits(period, wanted)
            ]
            if figures:
                return rng.choice(figures)
        return None

    def year_fits(self, period: Period, wanted: frozenset[Holdout]) -> bool:
        """Whether the fiscal year is held out exactly if `wanted` asks for it."""
        return (period.fiscal_year in self.holdouts.fiscal_years) is (Holdout.PERIOD in wanted)

    def reported(self, cik: int) -> list[str]:
        """Names of the metrics that a company reports."""
        return self._reported(cik)
