"""A seeded universe of companies that never were, in EDGAR's own companyfacts form.

Each company has accounts that cohere (assets = liabilities + equity, gross profit = revenue −
cost, net income below revenue, EPS × shares ≈ net income), ten fiscal years at most of 10-Ks with
comparatives and 10-Qs with three-month values (cash flow year-to-date only), a fiscal-year end in
any of many months or on a weekday rule, restatements in a following 10-K, and scale errors planted
at a known rate, each recorded.
"""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from ledgerline.filings.accounts import SECTORS, draw_accounts
from ledgerline.filings.generated_filings import FilingsOf, YearEnd, unit_of
from ledgerline.filings.names import company_names, tickers
from ledgerline.filings.planting import Planted, plant_errors
from ledgerline.settings import Settings

__all__ = ["GeneratedSettings", "Planted", "companies"]

FIRST_CIK = 5_000_001
"""Above every number that the SEC has given out, so that generated and real filers never meet."""
_REVENUE_TAGS = (
    "Revenues",
    "RevenueFromContractWithCustomerExcludingAssessedTax",
    "SalesRevenueNet",
)
# Currencies that filers report in. The weights are a guess: what matters is that there are several.
_FOREIGN = {"CNY": 5, "CAD": 4, "EUR": 4, "JPY": 3, "GBP": 2, "CHF": 2, "TWD": 2, "BRL": 2,
            "INR": 1, "AUD": 1, "HKD": 1, "SEK": 1, "MXN": 1, "ILS": 1}  # fmt: skip


class GeneratedSettings(Settings):
    """The universe's size, span and faults.

    `last_year` is the last fiscal year; `years` how many a company can have. `*_rate` are
    shares: of companies that report in another currency than dollars, of (company, year)s with a
    restatement in the next 10-K, of single facts planted with a wrong scale, of filings planted
    wholly a thousandfold.
    """

    companies: int
    years: int
    last_year: int
    foreign_rate: float
    restatement_rate: float
    fact_error_rate: float
    filing_error_rate: float
    seed: int


def companies(settings: GeneratedSettings) -> Iterator[tuple[bytes, list[Planted]]]:
    """Each company as companyfacts JSON (bytes), with the errors planted in it."""
    chooser = random.Random(f"sectors {settings.seed}")
    sectors = chooser.choices(list(SECTORS), k=settings.companies)
    names = company_names(settings.companies, sectors, settings.seed)
    symbols = tickers(names, settings.seed)
    for position, (sector, name, ticker) in enumerate(zip(sectors, names, symbols, strict=True)):
        cik = FIRST_CIK + position
        document, planted = _company(settings, cik, name, ticker, sector)
        yield orjson.dumps(document), planted


def _company(
    settings: GeneratedSettings, cik: int, name: str, ticker: str, sector: str
) -> tuple[dict[str, Any], list[Planted]]:
    random_ = random.Random(f"{settings.seed} {cik}")
    kind = SECTORS[sector]
    years = settings.years
    if random_.random() > 0.5:
        years = random_.randint(min(2, years), years)
    last = settings.last_year - (random_.randint(1, 3) if random_.random() < 0.08 else 0)
    year_end = YearEnd.draw(random_)
    accounts = draw_accounts(np.random.default_rng(random_.getrandbits(63)), kind, years)
    filings = FilingsOf(cik, year_end, last - years + 1, settings.restatement_rate, random_)
    filings.write(accounts, random_.choice(_REVENUE_TAGS))
    currency = _currency(settings, cik)
    planted = plant_errors(
        cik, currency, filings.rows, settings.fact_error_rate, settings.filing_error_rate, random_
    )
    document = {
        "cik": cik,
        "entityName": name,
        "tickers": [ticker],
        "sic": kind.sic,
        "fiscalYearEnd": year_end.of(settings.last_year).strftime("%m%d"),
        "facts": {
            "us-gaap": {
                tag: {"label": None, "description": None, "units": {unit_of(tag, currency): rows}}
                for tag, rows in filings.rows.items()
            }
        },
    }
    return document, planted


def _currency(settings: GeneratedSettings, cik: int) -> str:
    random_ = random.Random(f"currency {settings.seed} {cik}")
    if random_.random() >= settings.foreign_rate:
        return "USD"
    return random_.choices(list(_FOREIGN), list(_FOREIGN.values()))[0]
