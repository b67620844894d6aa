"""A seeded universe of companies that never were, in EDGAR's own companyfacts form.

Each company has accounts that cohere (assets = liabilities + equity, gross profit = revenue −
cost, net income below revenue, EPS × shares ≈ net income), ten fiscal years at most of 10-Ks with
comparatives and 10-Qs with three-month values (cash flow year-to-date only), a fiscal-year end in
any of many months or on a weekday rule, restatements in a following 10-K, and scale errors planted
at a known rate, each recorded.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ledgerline.filings.names import company_names, tickers
from ledgerline.settings import Settings

FIRST_CIK = 5_000_001
"""Above every number that the SEC has given out, so that generated and real filers never meet."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class GeneratedSettings(Settings):
    """The universe's size, span and faults.

    `last_year` is the last fiscal year; `years` how many a company can have. `*_rate` are
    shares: of (company, year)s with a restatement in the next 10-K, of single facts planted with
    a wrong scale, of filings planted wholly a thousandfold.
    """

    companies: int
    years: int
    last_year: int
    restatement_rate: float
    fact_error_rate: float
    filing_error_rate: float
    seed: int


@dataclass(frozen=True, slots=True)
class Planted:
    """A wrong value in the universe, and the right one."""

    cik: int
    accession: str
    taxonomy: str
    tag: str
    unit: str
    start: str | None
    end: str
    factor: str
    wrong: str
    right: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Sector:
    sic: str
    cost: tuple[float, float] | None
    research: tuple[float, float] | None
    overhead: tuple[float, float] | None
    margin: tuple[float, float]
    asset_turn: tuple[float, float]
    leverage: tuple[float, float]
    inventory: bool
    extra: tuple[str, ...]
    growth: float


_SECTORS: dict[str, _Sector] = {
    "software": _Sector("7372", (0.15, 0.4), (0.12, 0.3), (0.2, 0.45), (0.02, 0.3), (0.4, 0.9), (0.3, 0.7), False, ("deferred", "sbc"), 0.12),
    "hardware": _Sector("3674", (0.35, 0.65), (0.08, 0.25), (0.06, 0.18), (0.03, 0.3), (0.5, 1.0), (0.25, 0.6), True, ("sbc",), 0.08),
    "manufacturing": _Sector("3560", (0.55, 0.8), (0.01, 0.05), (0.08, 0.2), (0.03, 0.18), (0.7, 1.3), (0.4, 0.75), True, ("goodwill",), 0.04),
    "retail": _Sector("5651", (0.55, 0.78), None, (0.15, 0.3), (0.02, 0.12), (1.2, 2.6), (0.5, 0.8), True, (), 0.04),
    "consumer": _Sector("2000", (0.5, 0.75), None, (0.14, 0.3), (0.03, 0.2), (0.6, 1.2), (0.45, 0.8), True, ("goodwill",), 0.03),
    "pharma": _Sector("2834", (0.15, 0.4), (0.15, 0.35), (0.15, 0.35), (0.02, 0.3), (0.3, 0.7), (0.3, 0.7), True, ("sbc", "goodwill"), 0.09),
    "health": _Sector("3841", (0.35, 0.7), (0.03, 0.1), (0.15, 0.32), (0.03, 0.2), (0.5, 1.1), (0.35, 0.7), True, ("goodwill",), 0.07),
    "energy": _Sector("1311", (0.45, 0.8), None, (0.03, 0.08), (0.03, 0.28), (0.3, 0.8), (0.4, 0.7), True, ("depreciation",), 0.03),
    "utility": _Sector("4911", None, None, None, (0.12, 0.28), (0.2, 0.4), (0.6, 0.75), False, ("depreciation", "ppe"), 0.03),
    "bank": _Sector("6022", None, None, None, (0.2, 0.45), (0.05, 0.09), (0.87, 0.92), False, ("deposits", "interest_net"), 0.05),
    "insurance": _Sector("6331", None, None, None, (0.05, 0.2), (0.2, 0.4), (0.7, 0.85), False, ("costs",), 0.04),
    "reit": _Sector("6798", None, None, (0.05, 0.12), (0.15, 0.4), (0.08, 0.16), (0.45, 0.65), False, ("depreciation", "ppe"), 0.06),
    "transport": _Sector("4210", (0.6, 0.82), None, (0.04, 0.12), (0.03, 0.16), (0.6, 1.3), (0.45, 0.75), False, ("ppe", "depreciation"), 0.05),
    "media": _Sector("7812", (0.4, 0.7), None, (0.15, 0.3), (0.03, 0.22), (0.4, 0.9), (0.4, 0.75), False, ("goodwill", "deferred"), 0.05),
    "services": _Sector("7389", (0.55, 0.8), None, (0.1, 0.25), (0.03, 0.15), (0.8, 1.8), (0.4, 0.75), False, ("goodwill",), 0.06),
    "mining": _Sector("1000", (0.5, 0.8), None, (0.03, 0.09), (0.03, 0.25), (0.35, 0.8), (0.3, 0.6), True, ("ppe",), 0.02),
}  # fmt: skip

_REVENUE_TAGS = (
    "Revenues",
    "RevenueFromContractWithCustomerExcludingAssessedTax",
    "SalesRevenueNet",
)
_UNITS = {"EarningsPerShareDiluted": "USD/shares", "EarningsPerShareBasic": "USD/shares",
          "CommonStockDividendsPerShareDeclared": "USD/shares",
          "WeightedAverageNumberOfDilutedSharesOutstanding": "shares",
          "WeightedAverageNumberOfSharesOutstandingBasic": "shares",
          "CommonStockSharesOutstanding": "shares",
          "EffectiveIncomeTaxRateContinuingOperations": "pure"}  # fmt: skip
_CASH_FLOW = {
    "NetCashProvidedByUsedInOperatingActivities",
    "PaymentsToAcquirePropertyPlantAndEquipment",
    "PaymentsOfDividends",
    "ShareBasedCompensation",
    "DepreciationDepletionAndAmortization",
}
# Told in the 10-K only, as smaller notes are.
_YEARLY = {
    "CostsAndExpenses",
    "InterestExpense",
    "NoninterestIncome",
    "NoninterestExpense",
    "PropertyPlantAndEquipmentNet",
    "Goodwill",
    "ContractWithCustomerLiability",
    "CommonStockSharesOutstanding",
    "DepreciationDepletionAndAmortization",
    "PaymentsOfDividends",
    "ShareBasedCompensation",
}
# A restatement moves both of a pair by the same amount, so that the accounts still cohere.
_RESTATED_PAIRS = (
    ("revenue", "CostOfRevenue"),
    ("Assets", "Liabilities"),
    ("SellingGeneralAndAdministrativeExpense", "OperatingIncomeLoss"),
    ("NetCashProvidedByUsedInOperatingActivities", "PaymentsToAcquirePropertyPlantAndEquipment"),
)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Quarterly flows and quarter-end balances by tag, oldest first; whole units."""

    flows: dict[str, Ints]
    balances: dict[str, Ints]
    shares: dict[str, Ints]


def companies(settings: GeneratedSettings) -> Iterator[tuple[bytes, list[Planted]]]:
    """Each company as companyfacts JSON (bytes), with the errors planted in it."""
    chooser = random.Random(f"sectors {settings.seed}")
    sectors = chooser.choices(list(_SECTORS), k=settings.companies)
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
    kind = _SECTORS[sector]
    years = settings.years
    if random_.random() > 0.5:
        years = random_.randint(min(2, years), years)
    last = settings.last_year - (random_.randint(1, 3) if random_.random() < 0.08 else 0)
    year_end = _YearEnd.draw(random_)
    accounts, precision = _accounts(np.random.default_rng(random_.getrandbits(63)), kind, years)
    builder = _Filings(settings, cik, year_end, last - years + 1, random_)
    builder.write(accounts, random_.choice(_REVENUE_TAGS), precision)
    planted = builder.plant_errors()
    facts: dict[str, Any] = {}
    for tag, rows in builder.rows.items():
        unit = _UNITS.get(tag, "USD")
        facts[tag] = {"label": None, "description": None, "units": {unit: rows}}
    document = {
        "cik": cik,
        "entityName": name,
        "tickers": [ticker],
        "sic": kind.sic,
        "fiscalYearEnd": year_end.of(settings.last_year).strftime("%m%d"),
        "facts": {"us-gaap": facts},
    }
    return document, planted


@dataclass(frozen=True, slots=True)
class _YearEnd:
    """A fiscal-year end: the last day of `month`, or the `weekday` nearest to it or last in it."""

    month: int
    weekday: int | None
    nearest: bool

    @classmethod
    def draw(cls, random_: random.Random) -> "_YearEnd":
        month = random_.choices(
            (12, 6, 9, 3, 1, 10, 5, 4, 8, 2, 7, 11), (55, 10, 11, 7, 5, 3, 2, 2, 2, 1, 1, 1)
        )[0]
        if random_.random() < 0.12:
            return cls(month, random_.choice((4, 5, 5, 6)), random_.random() < 0.5)
        return cls(month, None, False)

    def of(self, year: int, quarters_before: int = 0) -> date:
        """The end of fiscal `year`, or of the quarter that many before its last."""
        months = year * 12 + self.month - 3 * quarters_before
        last = date(months // 12, months % 12 + 1, 1) - timedelta(days=1)
        if self.weekday is None:
            return last
        back = (last.weekday() - self.weekday) % 7
        if self.nearest and back > 3:
            back -= 7
        return last - timedelta(days=back)


def _accounts(rng: np.random.Generator, kind: _Sector, years: int) -> tuple[_Accounts, int]:
    quarters = 4 * years
    final = float(np.exp(rng.uniform(np.log(20e6), np.log(300e9))))
    drift = kind.growth + rng.normal(0, 0.06)
    growth = np.empty(years)
    growth[0] = drift
    for year in range(1, years):
        growth[year] = 0.4 * growth[year - 1] + 0.6 * drift + rng.normal(0, 0.05)
    path = np.exp(np.cumsum(np.clip(growth, -0.3, 0.7)))
    annual = final * path / path[-1]
    season = 1 + rng.normal(0, 0.08, 4)
    shape = np.tile(season / season.sum(), years) * (1 + rng.normal(0, 0.02, quarters))
    trend = 1 + np.tile(np.linspace(-0.5, 0.5, 4), years) * np.repeat(growth, 4) * 0.6
    precision = 10**6 if final > 4e9 else 10**3
    if final < 60e6 and rng.random() < 0.5:
        precision = 1

    def rounded(values: Floats) -> Ints:
        return np.asarray(np.rint(values / precision), dtype=np.int64) * precision

    def share(bounds: tuple[float, float]) -> Floats:
        level = rng.uniform(*bounds)
        wander = np.cumsum(rng.normal(0, 0.006, quarters))
        return np.asarray(
            np.clip(level * (1 + wander + rng.normal(0, 0.015, quarters)), 0.001, 0.95)
        )

    revenue = rounded(np.repeat(annual, 4) * shape * trend)
    flows: dict[str, Ints] = {"revenue": revenue}
    margin = share(kind.margin) - (rng.random() < 0.15) * rng.uniform(0.02, 0.2)
    operating = rounded(revenue * margin)
    rest = revenue - operating
    if kind.cost:
        # What the margin leaves is divided in the sector's proportions.
        parts = {"CostOfRevenue": share(kind.cost)}
        if kind.research:
            parts["ResearchAndDevelopmentExpense"] = share(kind.research)
        if kind.overhead:
            parts["SellingGeneralAndAdministrativeExpense"] = share(kind.overhead)
        total = sum(parts.values())
        names = list(parts)
        for name in names[1:]:
            flows[name] = rounded(rest * parts[name] / total)
        flows["CostOfRevenue"] = rest - sum((flows[n] for n in names[1:]), np.zeros_like(rest))
        flows["GrossProfit"] = revenue - flows["CostOfRevenue"]
    elif "costs" in kind.extra or "ppe" in kind.extra:
        flows["CostsAndExpenses"] = rest
    if "interest_net" in kind.extra:
        flows["InterestIncomeExpenseNet"] = rounded(revenue * share((0.55, 0.8)))
        flows["NoninterestIncome"] = revenue - flows["InterestIncomeExpenseNet"]
        flows["NoninterestExpense"] = rounded(rest * 0.9)
    else:
        flows["OperatingIncomeLoss"] = operating
    turn = share(kind.asset_turn)
    assets = rounded(np.repeat(annual, 4) * (1 + trend * 0.05) / np.maximum(turn, 0.03))
    liabilities = rounded(assets * share(kind.leverage))
    interest = rounded(liabilities * rng.uniform(0.004, 0.012) / 4)
    pretax = operating - interest if "interest_net" not in kind.extra else operating
    tax_rate = rng.uniform(0.12, 0.28)
    tax = rounded(pretax * (tax_rate + rng.normal(0, 0.01, quarters)))
    if "interest_net" not in kind.extra and rng.random() < 0.5:
        flows["InterestExpense"] = interest
    flows["IncomeTaxExpenseBenefit"] = tax
    flows["NetIncomeLoss"] = pretax - tax
    depreciation = rounded(assets * rng.uniform(0.006, 0.018))
    flows["NetCashProvidedByUsedInOperatingActivities"] = (
        flows["NetIncomeLoss"] + depreciation + rounded(revenue * rng.normal(0, 0.02, quarters))
    )
    if "depreciation" in kind.extra or rng.random() < 0.25:
        flows["DepreciationDepletionAndAmortization"] = depreciation
    if "deposits" not in kind.extra and "costs" not in kind.extra:
        flows["PaymentsToAcquirePropertyPlantAndEquipment"] = rounded(
            depreciation * rng.uniform(0.8, 1.6) * (1 + rng.normal(0, 0.1, quarters))
        )
    pays = rng.random() < 0.5
    if pays:
        flows["PaymentsOfDividends"] = rounded(
            np.abs(flows["NetIncomeLoss"]) * rng.uniform(0.2, 0.5)
        )
    if "sbc" in kind.extra:
        flows["ShareBasedCompensation"] = rounded(revenue * share((0.02, 0.1)))
    balances = {
        "Assets": assets,
        "Liabilities": liabilities,
        "StockholdersEquity": assets - liabilities,
        "CashAndCashEquivalentsAtCarryingValue": rounded(assets * share((0.03, 0.25))),
    }
    if "deposits" in kind.extra:
        balances["Deposits"] = rounded(liabilities * share((0.75, 0.9)))
    else:
        if rng.random() < 0.75:
            balances["LongTermDebtNoncurrent"] = rounded(liabilities * share((0.2, 0.6)))
        if "costs" not in kind.extra:
            balances["AccountsReceivableNetCurrent"] = rounded(revenue * share((0.3, 0.8)))
    if kind.inventory:
        balances["InventoryNet"] = rounded(flows["CostOfRevenue"] * share((0.3, 0.9)))
    if "ppe" in kind.extra:
        balances["PropertyPlantAndEquipmentNet"] = rounded(assets * share((0.5, 0.8)))
    if "goodwill" in kind.extra:
        balances["Goodwill"] = rounded(assets * share((0.08, 0.25)))
    if "deferred" in kind.extra:
        balances["ContractWithCustomerLiability"] = rounded(revenue * share((0.3, 0.9)))
    # A share price of 5 to 400 at 18 times earnings or 2 times sales sets the share count.
    price = float(np.exp(rng.uniform(np.log(5), np.log(400))))
    count = max(2e6, max(18 * float(flows["NetIncomeLoss"][-4:].sum()), 1.5 * annual[-1]) / price)
    wander = np.exp(np.cumsum(rng.normal(rng.normal(0, 0.004), 0.003, quarters)))
    share_precision = min(precision, 10**3 if count < 2e9 else 10**6)
    outstanding = np.asarray(np.rint(count * wander / share_precision), np.int64) * share_precision
    diluted = np.asarray(np.rint(outstanding * 1.015 / share_precision), np.int64) * share_precision
    return (
        _Accounts(
            flows,
            balances,
            {
                "WeightedAverageNumberOfDilutedSharesOutstanding": diluted,
                "CommonStockSharesOutstanding": outstanding,
            },
        ),
        precision,
    )


class _Filings:
    """Writes a company's accounts as the rows of its 10-Ks and 10-Qs."""

    def __init__(
        self,
        settings: GeneratedSettings,
        cik: int,
        year_end: _YearEnd,
        first_year: int,
        random_: random.Random,
    ):
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self._settings = settings
        self._cik = cik
        self._year_end = year_end
        self._first_year = first_year
        self._random = random_

    def write(self, accounts: _Accounts, revenue_tag: str, precision: int) -> None:
        """Fill `rows` with every filing's facts."""
        names = {tag: revenue_tag if tag == "revenue" else tag for tag in accounts.flows}
        flows = {names[tag]: values.tolist() for tag, values in accounts.flows.items()}
        shares = {tag: values.tolist() for tag, values in accounts.shares.items()}
        balances = {tag: values.tolist() for tag, values in accounts.balances.items()}
        balances["CommonStockSharesOutstanding"] = shares.pop("CommonStockSharesOutstanding")
        average = shares["WeightedAverageNumberOfDilutedSharesOutstanding"]
        years = len(average) // 4
        annual = {
            tag: [sum(v[4 * y : 4 * y + 4]) for y in range(years)] for tag, v in flows.items()
        }
        income = annual["NetIncomeLoss"]
        tax = annual["IncomeTaxExpenseBenefit"]
        annual["WeightedAverageNumberOfDilutedSharesOutstanding"] = [
            round(sum(average[4 * y : 4 * y + 4]) / 4000) * 1000 for y in range(years)
        ]
        annual["EarningsPerShareDiluted"] = [
            round(i / s, 2)
            for i, s in zip(
                income, annual["WeightedAverageNumberOfDilutedSharesOutstanding"], strict=True
            )
        ]
        annual["EffectiveIncomeTaxRateContinuingOperations"] = [
            round(t / (i + t), 3) if i + t > 0 < t else 0.21
            for t, i in zip(tax, income, strict=True)
        ]
        quarterly = {
            **{
                tag: values
                for tag, values in flows.items()
                if tag not in _CASH_FLOW and tag not in _YEARLY
            },
            "WeightedAverageNumberOfDilutedSharesOutstanding": average,
            "EarningsPerShareDiluted": [
                round(i / s, 2) for i, s in zip(flows["NetIncomeLoss"], average, strict=True)
            ],
        }
        cash_flow = {t: v for t, v in flows.items() if t in _CASH_FLOW and t not in _YEARLY}
        for tag in (*annual, *balances):
            self.rows[tag] = []
        for y in range(years):
            self._quarters(y, quarterly, cash_flow, balances)
            self._annual(y, annual, balances, names, precision)

    def _quarters(
        self,
        y: int,
        quarterly: dict[str, list[Any]],
        cash_flow: dict[str, list[int]],
        balances: dict[str, list[int]],
    ) -> None:
        year = self._first_year + y
        begin = self._year_end.of(year - 1) + timedelta(days=1)
        start = begin
        for q in range(3):
            end = self._year_end.of(year, 3 - q)
            filing = self._filing(year, f"Q{q + 1}", "10-Q", end, self._random.randint(28, 42))
            at, first, last = 4 * y + q, start.isoformat(), end.isoformat()
            for tag, values in quarterly.items():
                self.rows[tag].append({"start": first, "end": last, "val": values[at], **filing})
            whole = begin.isoformat()
            for tag, values in cash_flow.items():
                total = sum(values[4 * y : at + 1])
                self.rows[tag].append({"start": whole, "end": last, "val": total, **filing})
            for tag, values in balances.items():
                if tag not in _YEARLY:
                    self.rows[tag].append({"end": last, "val": values[at], **filing})
            start = end + timedelta(days=1)

    def _annual(
        self,
        y: int,
        annual: dict[str, list[Any]],
        balances: dict[str, list[int]],
        names: dict[str, str],
        precision: int,
    ) -> None:
        """The 10-K of year `y`: its own values, and the year before's, now and then restated."""
        year = self._first_year + y
        end = self._year_end.of(year)
        filing = self._filing(year, "FY", "10-K", end, self._random.randint(45, 75))
        changes: dict[str, int] = {}
        if y and self._random.random() < self._settings.restatement_rate:
            changes = self._restatement(y - 1, annual, balances, names, precision)
        for back in (1, 0) if y else (0,):
            first = (self._year_end.of(year - back - 1) + timedelta(days=1)).isoformat()
            last = self._year_end.of(year - back).isoformat()
            at = 4 * (y - back) + 3
            moved = changes if back else {}
            for tag, values in annual.items():
                value = values[y - back] + moved.get(tag, 0)
                self.rows[tag].append({"start": first, "end": last, "val": value, **filing})
            for tag, values in balances.items():
                value = values[at] + moved.get(tag, 0)
                self.rows[tag].append({"end": last, "val": value, **filing})

    def _restatement(
        self,
        y: int,
        annual: dict[str, list[Any]],
        balances: dict[str, list[int]],
        names: dict[str, str],
        precision: int,
    ) -> dict[str, int]:
        def value(tag: str) -> int | None:
            if tag in annual:
                return int(annual[tag][y])
            return balances[tag][4 * y + 3] if tag in balances else None

        pairs = [(names.get(one, one), other) for one, other in _RESTATED_PAIRS]
        usable = [pair for pair in pairs if value(pair[0]) and value(pair[1])]
        one, other = self._random.choice(usable)
        size = min(abs(value(one) or 0), abs(value(other) or 0))
        move = round(size * self._random.uniform(0.01, 0.12) / precision) * precision
        move *= self._random.choice((-1, 1))
        if one == "SellingGeneralAndAdministrativeExpense":
            return {one: move, other: -move}
        return {one: move, other: move}

    def _filing(self, year: int, part: str, form: str, end: date, days: int) -> dict[str, Any]:
        filed = end + timedelta(days=days)
        while filed.weekday() > 4:
            filed += timedelta(days=1)
        sequence = (year % 100) * 4 + ("Q1", "Q2", "Q3", "FY").index(part)
        return {
            "accn": f"{self._cik:010d}-{filed.year % 100:02d}-{sequence:06d}",
            "fy": year,
            "fp": part,
            "form": form,
            "filed": filed.isoformat(),
        }

    def plant_errors(self) -> list[Planted]:
        """Spoil some values; says which."""
        spoilt: list[Planted] = []
        accessions = sorted({row["accn"] for rows in self.rows.values() for row in rows})
        whole = {a for a in accessions if self._random.random() < self._settings.filing_error_rate}
        for tag, rows in self.rows.items():
            unit = _UNITS.get(tag, "USD")
            for row in rows:
                value = row["val"]
                if not value:
                    continue
                if row["accn"] in whole and unit == "USD":
                    self._spoil(spoilt, tag, unit, row, "1000", "filing")
                elif self._random.random() < self._settings.fact_error_rate:
                    self._spoil(spoilt, tag, unit, row, self._factor(unit, value), "fact")
        return spoilt

    def _factor(self, unit: str, value: Any) -> str:
        if unit == "pure":
            return "100"
        if unit == "USD/shares":
            return self._random.choice(("100", "1000"))
        choices = ["1000", "1000", "1000000"]
        choices += ["0.001"] * 2 if value % 10**3 == 0 else []
        choices += ["0.000001"] if value % 10**6 == 0 else []
        return self._random.choice(choices)

    def _spoil(
        self,
        spoilt: list[Planted],
        tag: str,
        unit: str,
        row: dict[str, Any],
        factor: str,
        kind: str,
    ) -> None:
        right = Decimal(str(row["val"]))
        wrong = right * Decimal(factor)
        whole = wrong == wrong.to_integral_value()
        row["val"] = int(wrong) if whole else float(wrong)
        spoilt.append(
            Planted(
                self._cik,
                row["accn"],
                "us-gaap",
                tag,
                unit,
                row.get("start"),
                row["end"],
                factor,
                format(Decimal(str(row["val"])), "f"),
                format(right, "f"),
                kind,
            )
        )
