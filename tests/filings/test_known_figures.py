"""At least 150 figures that everybody can look up, each asked for in several wordings."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from ledgerline.filings.periods import Period
from ledgerline.filings.search import Hit, Search

TABLE = Path(__file__).with_name("known_figures.txt")
SCALES = {"millions": 10**6, "thousands": 10**3}
COMPANIES = {
    "Apple": ("Apple", "AAPL", "apple inc", "Apple Inc."),
    "NVIDIA": ("NVIDIA", "nvda", "Nvidia Corp.", "NVIDIA Corporation"),
    "Marvell": ("Marvell", "MRVL", "Marvell Technology, Inc.", "marvell technology"),
    "Snowflake": ("Snowflake", "SNOW", "Snowflake Inc", "snowflake"),
    "TSMC": ("TSMC", "TSM", "Taiwan Semiconductor Manufacturing", "Taiwan Semiconductor"),
}
METRICS = {
    "revenue": ("revenue", "net sales", "Total revenues", "sales"),
    "net_income": ("net income", "net earnings", "Net Income (Loss)", "net profit"),
    "eps_diluted": ("diluted EPS", "EPS", "diluted earnings per share", "earnings per share"),
    "total_assets": ("total assets", "assets", "Total Assets"),
    "operating_cash_flow": ("operating cash flow", "cash from operations", "CFO"),
    "gross_profit": ("gross profit", "Gross Profit", "gross income"),
    "operating_income": ("operating income", "income from operations", "operating profit"),
    "research_and_development": ("R&D", "research & development", "R&D expense"),
    "sga_expense": ("SG&A", "selling, general & administrative", "SG&A expenses"),
    "cash_and_equivalents": ("cash and cash equivalents", "cash & equivalents", "cash"),
    "capex": ("capex", "capital expenditures", "purchases of property, plant and equipment"),
    "stockholders_equity": ("shareholders' equity", "stockholders’ equity", "total equity"),
    "total_liabilities": ("total liabilities", "liabilities", "Total Liabilities"),
    "share_repurchases": ("share repurchases", "buybacks", "repurchases of common stock"),
    "dividends_paid": ("dividends paid", "cash dividends", "payments of dividends"),
    "inventory": ("inventory", "inventories", "net inventories"),
    "long_term_debt": ("long-term debt", "long term debt", "non-current term debt"),
    "income_tax_expense": ("income taxes", "provision for income taxes", "tax expense"),
    "share_based_compensation": ("SBC", "stock-based compensation", "share based compensation"),
    "depreciation_and_amortization": ("D&A", "depreciation & amortization", "Depreciation and "
                                      "amortization"),
    "dividends_per_share": ("dividends per share", "DPS", "dividends declared per share"),
    "weighted_shares_diluted": ("diluted shares", "weighted average diluted shares",
                                "diluted share count"),
    "weighted_shares_basic": ("basic shares", "weighted average basic shares", "basic share count"),
    "goodwill": ("goodwill", "Goodwill", "goodwill balance"),
}  # fmt: skip
NTH = {"Q1": "first", "Q2": "second", "Q3": "third", "Q4": "fourth"}


@dataclass(frozen=True)
class Known:
    company: str
    metric: str
    period: Period
    value: Decimal
    step: Decimal
    unit: str


def known_figures() -> Iterator[Known]:
    for line in TABLE.read_text().splitlines():
        if line.startswith("#"):
            continue
        company, metric, unit, figures = (part.strip() for part in line.split("|"))
        unit, _, scale = unit.partition(" ")
        for figure in figures.split():
            label, _, number = figure.partition("=")
            scaled = Decimal(SCALES.get(scale, 1))
            step = scaled.scaleb(Decimal(number).as_tuple().exponent)
            yield Known(
                company,
                metric,
                Period.parse_label(label.replace("-", " ")),
                Decimal(number) * scaled,
                step,
                unit,
            )


def wordings(period: Period) -> tuple[str, ...]:
    year, short = period.fiscal_year, period.fiscal_year % 100
    if period.span == "FY":
        return f"FY{year}", f"fiscal {year}", f"FY{short:02}", f"fiscal year {year}"
    quarter = period.span.value
    return (
        f"{quarter} {year}",
        f"the {NTH[quarter]} quarter of fiscal {year}",
        f"{quarter[1]}Q{short:02}",
        f"{year}{quarter}",
    )


KNOWN = list(known_figures())


def test_the_table_is_large_and_wide() -> None:
    assert len(KNOWN) >= 150
    assert {known.company for known in KNOWN} == set(COMPANIES)
    assert len({(known.company, known.metric, known.period) for known in KNOWN}) == len(KNOWN)


@pytest.mark.parametrize(
    "known", KNOWN, ids=lambda k: f"{k.company}-{k.metric}-{k.period.label.replace(' ', '')}"
)
def test_search_knows_it_in_every_wording(real_search: Search, known: Known) -> None:
    companies, metrics = COMPANIES[known.company], METRICS[known.metric]
    for n, period in enumerate(wordings(known.period)):
        company, metric = companies[n % len(companies)], metrics[n % len(metrics)]
        answer = real_search(company, metric, period)
        assert isinstance(answer, Hit), (company, metric, period, answer)
        figure = answer.figure
        assert (figure.metric, figure.period, figure.unit) == (
            known.metric,
            known.period,
            known.unit,
        )
        assert abs(figure.value - known.value) < known.step, (company, metric, period, figure)
