"""Small stores and boards whose errors are known."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.store import Store
from ledgerline.quality.validation import ValidateSettings

ROOT = Path(__file__).resolve().parents[2]
COMPANIES = 12
YEARS = range(2018, 2024)


@pytest.fixture(scope="session")
def settings() -> ValidateSettings:
    """The thresholds that the pipeline runs with, for a store of a few hundred facts."""
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["validate"]
    section["gate"]["least_facts"] = 10
    return ValidateSettings.model_validate(section)


def company_facts(cik: int) -> list[Fact]:
    """Six 10-Ks of one company, each with the year before as comparative. Values in thousands."""
    facts = []
    for year in YEARS:
        accession = f"{cik:010d}-{(year + 1) % 100:02d}-{cik % 1000:06d}"
        filed = date(year + 1, 2, 20)
        for told in (year, year - 1):
            growth = Decimal(100 + 7 * (told - 2015)) * (cik % 97 + 3)
            start, end = date(told, 1, 1), date(told, 12, 31)

            def fact(tag: str, value: Decimal, unit: str = "USD", flow: bool = False) -> Fact:
                return Fact(
                    cik, accession, "us-gaap", tag, unit, start if flow else None, end, value,  # noqa: B023
                    "10-K", filed,  # noqa: B023
                )  # fmt: skip

            odd = Decimal(1_237_000 + 11_000 * (cik % 13))
            facts += [
                fact("Assets", growth * odd * 3),
                fact("LiabilitiesAndStockholdersEquity", growth * odd * 3),
                fact("Liabilities", growth * odd * 2),
                fact("StockholdersEquity", growth * odd),
                fact("Revenues", growth * odd, flow=True),
                fact("NetIncomeLoss", growth * odd / 10, flow=True),
                fact("CommonStockSharesOutstanding", Decimal(cik % 89 + 10) * 1_000_123, "shares"),
                fact("EarningsPerShareBasic", Decimal("1.25"), "USD/shares", flow=True),
            ]
    return facts


@pytest.fixture(scope="session")
def facts() -> list[Fact]:
    """The facts of all companies, all right."""
    return [fact for n in range(COMPANIES) for fact in company_facts(1_000_000 + 37 * n)]


@pytest.fixture
def store_of(tmp_path: Path) -> Callable[[list[Fact]], Path]:
    """Writes facts to a raw store and says where."""

    def write(facts: list[Fact]) -> Path:
        path = tmp_path / "raw.sqlite"
        with Store.create(path) as store:
            for cik in sorted({fact.cik for fact in facts}):
                own = [fact for fact in facts if fact.cik == cik]
                store.add(Company(cik, f"Company {cik}", source="test"), own)
        return path

    return write
