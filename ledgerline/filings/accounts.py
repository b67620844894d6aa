"""Accounts of companies that never were: quarterly, coherent, of a sector's shape."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sector:
    """A sector's shape: bounds of costs and margin to revenue, revenue and liabilities to assets.

    `extra` names what companies of the sector report besides; `growth` is the usual yearly one.
    """

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


# sic, cost, research, overhead, margin, asset turn, leverage, inventory, extra, growth
SECTORS: dict[str, Sector] = {
    "software": Sector(
        "7372", (0.15, 0.4), (0.12, 0.3), (0.2, 0.45), (0.02, 0.3),
        (0.4, 0.9), (0.3, 0.7), False, ("deferred", "sbc"), 0.12,
    ),
    "hardware": Sector(
        "3674", (0.35, 0.65), (0.08, 0.25), (0.06, 0.18), (0.03, 0.3),
        (0.5, 1.0), (0.25, 0.6), True, ("sbc",), 0.08,
    ),
    "manufacturing": Sector(
        "3560", (0.55, 0.8), (0.01, 0.05), (0.08, 0.2), (0.03, 0.18),
        (0.7, 1.3), (0.4, 0.75), True, ("goodwill",), 0.04,
    ),
    "retail": Sector(
        "5651", (0.55, 0.78), None, (0.15, 0.3), (0.02, 0.12),
        (1.2, 2.6), (0.5, 0.8), True, (), 0.04,
    ),
    "consumer": Sector(
        "2000", (0.5, 0.75), None, (0.14, 0.3), (0.03, 0.2),
        (0.6, 1.2), (0.45, 0.8), True, ("goodwill",), 0.03,
    ),
    "pharma": Sector(
        "2834", (0.15, 0.4), (0.15, 0.35), (0.15, 0.35), (0.02, 0.3),
        (0.3, 0.7), (0.3, 0.7), True, ("sbc", "goodwill"), 0.09,
    ),
    "health": Sector(
        "3841", (0.35, 0.7), (0.03, 0.1), (0.15, 0.32), (0.03, 0.2),
        (0.5, 1.1), (0.35, 0.7), True, ("goodwill",), 0.07,
    ),
    "energy": Sector(
        "1311", (0.45, 0.8), None, (0.03, 0.08), (0.03, 0.28),
        (0.3, 0.8), (0.4, 0.7), True, ("depreciation",), 0.03,
    ),
    "utility": Sector(
        "4911", None, None, None, (0.12, 0.28),
        (0.2, 0.4), (0.6, 0.75), False, ("depreciation", "ppe"), 0.03,
    ),
    "bank": Sector(
        "6022", None, None, None, (0.2, 0.45),
        (0.05, 0.09), (0.87, 0.92), False, ("deposits", "interest_net"), 0.05,
    ),
    "insurance": Sector(
        "6331", None, None, None, (0.05, 0.2),
        (0.2, 0.4), (0.7, 0.85), False, ("costs",), 0.04,
    ),
    "reit": Sector(
        "6798", None, None, (0.05, 0.12), (0.15, 0.4),
        (0.08, 0.16), (0.45, 0.65), False, ("depreciation", "ppe"), 0.06,
    ),
    "transport": Sector(
        "4210", (0.6, 0.82), None, (0.04, 0.12), (0.03, 0.16),
        (0.6, 1.3), (0.45, 0.75), False, ("ppe", "depreciation"), 0.05,
    ),
    "media": Sector(
        "7812", (0.4, 0.7), None, (0.15, 0.3), (0.03, 0.22),
        (0.4, 0.9), (0.4, 0.75), False, ("goodwill", "deferred"), 0.05,
    ),
    "services": Sector(
        "7389", (0.55, 0.8), None, (0.1, 0.25), (0.03, 0.15),
        (0.8, 1.8), (0.4, 0.75), False, ("goodwill",), 0.06,
    ),
    "mining": Sector(
        "1000", (0.5, 0.8), None, (0.03, 0.09), (0.03, 0.25),
        (0.35, 0.8), (0.3, 0.6), True, ("ppe",), 0.02,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accounts:
    """Quarterly flows, quarter-end balances and share counts by tag, oldest first.

    Amounts are in whole units of money, multiples of `precision`. Revenue stands under "revenue",
    since companies tag it differently.
    """

    flows: dict[str, Ints]
    balances: dict[str, Ints]
    shares: dict[str, Ints]
    precision: int


def draw_accounts(rng: np.random.Generator, sector: Sector, years: int) -> Accounts:
    """A company of `sector` with `years` whole fiscal years."""
    final = float(np.exp(rng.uniform(np.log(20e6), np.log(300e9))))
    precision = 10**6 if final > 4e9 else 10**3
    if final < 60e6 and rng.random() < 0.5:
        precision = 1
    draft = _Draft(rng, sector, years, precision)
    draft.draw_income(final)
    draft.draw_balances()
    draft.draw_taxes()
    draft.draw_cash_flow()
    return Accounts(draft.flows, draft.balances, draft.draw_shares(), precision)


@dataclass(slots=True)
class _Draft:
    """Accounts under way; each step needs those before it."""

    rng: np.random.Generator
    sector: Sector
    years: int
    precision: int
    flows: dict[str, Ints] = field(default_factory=dict)
    balances: dict[str, Ints] = field(default_factory=dict)
    yearly_revenue: Floats = field(default_factory=lambda: np.empty(0))
    operating: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def draw_income(self, final: float) -> None:
        """Revenue that grows unevenly to `final` a year, and what sector and margin make of it."""
        rng, sector, quarters = self.rng, self.sector, 4 * self.years
        drift = sector.growth + rng.normal(0, 0.06)
        growth = np.full(self.years, drift)
        for year in range(1, self.years):
            growth[year] = 0.4 * growth[year - 1] + 0.6 * drift + rng.normal(0, 0.05)
        path = np.exp(np.cumsum(np.clip(growth, -0.3, 0.7)))
        self.yearly_revenue = final * path / path[-1]
        season = 1 + rng.normal(0, 0.08, 4)
        shape = np.tile(season / season.sum(), self.years) * (1 + rng.normal(0, 0.02, quarters))
        trend = 1 + np.tile(np.linspace(-0.3, 0.3, 4), self.years) * np.repeat(growth, 4)
        revenue = self._rounded(np.repeat(self.yearly_revenue, 4) * shape * trend)
        margin = self._share(sector.margin) - (rng.random() < 0.15) * rng.uniform(0.02, 0.2)
        self.operating = self._rounded(revenue * margin)
        self.flows["revenue"] = revenue
        if sector.cost:
            self._divide_costs(revenue - self.operating)
        elif "costs" in sector.extra or "ppe" in sector.extra:
            self.flows["CostsAndExpenses"] = revenue - self.operating
        if "interest_net" in sector.extra:
            self.flows["InterestIncomeExpenseNet"] = self._rounded(
                revenue * self._share((0.55, 0.8))
            )
            self.flows["NoninterestIncome"] = revenue - self.flows["InterestIncomeExpenseNet"]
            self.flows["NoninterestExpense"] = self._rounded((revenue - self.operating) * 0.9)
        else:
            self.flows["OperatingIncomeLoss"] = self.operating

    def _divide_costs(self, costs: Ints) -> None:
        """Divide what the margin leaves in the sector's proportions."""
        bounds = {
            "SellingGeneralAndAdministrativeExpense": self.sector.overhead,
            "ResearchAndDevelopmentExpense": self.sector.research,
        }
        shares = {tag: self._share(bound) for tag, bound in bounds.items() if bound}
        direct = self._share(self.sector.cost or (0.5, 0.5))
        total = direct + sum(shares.values(), np.zeros_like(direct))
        rest = costs
        for tag, share in shares.items():
            self.flows[tag] = self._rounded(costs * share / total)
            rest = rest - self.flows[tag]
        self.flows["CostOfRevenue"] = rest
        self.flows["GrossProfit"] = self.flows["revenue"] - rest

    def draw_balances(self) -> None:
        """Assets that turn over into revenue; liabilities and equity that add up to them."""
        rng, extra, revenue = self.rng, self.sector.extra, self.flows["revenue"]
        turn = np.maximum(self._share(self.sector.asset_turn), 0.03)
        assets = self._rounded(np.repeat(self.yearly_revenue, 4) / turn)
        liabilities = self._rounded(assets * self._share(self.sector.leverage))
        balances = {
            "Assets": assets,
            "Liabilities": liabilities,
            "StockholdersEquity": assets - liabilities,
            "CashAndCashEquivalentsAtCarryingValue": self._rounded(
                assets * self._share((0.03, 0.25))
            ),
        }
        if "deposits" in extra:
            balances["Deposits"] = self._rounded(liabilities * self._share((0.75, 0.9)))
        elif rng.random() < 0.75:
            balances["LongTermDebtNoncurrent"] = self._rounded(
                liabilities * self._share((0.2, 0.6))
            )
        if "deposits" not in extra and "costs" not in extra:
            balances["AccountsReceivableNetCurrent"] = self._rounded(
                revenue * self._share((0.3, 0.8))
            )
        if self.sector.inventory:
            balances["InventoryNet"] = self._rounded(
                self.flows["CostOfRevenue"] * self._share((0.3, 0.9))
            )
        if "ppe" in extra:
            balances["PropertyPlantAndEquipmentNet"] = self._rounded(
                assets * self._share((0.5, 0.8))
            )
        if "goodwill" in extra:
            balances["Goodwill"] = self._rounded(assets * self._share((0.08, 0.25)))
        if "deferred" in extra:
            balances["ContractWithCustomerLiability"] = self._rounded(
                revenue * self._share((0.3, 0.9))
            )
        self.balances = balances

    def draw_taxes(self) -> None:
        """From operating to net income."""
        rng = self.rng
        pretax = self.operating
        if "interest_net" not in self.sector.extra:
            interest = self._rounded(self.balances["Liabilities"] * rng.uniform(0.001, 0.003))
            pretax = pretax - interest
            if rng.random() < 0.5:
                self.flows["InterestExpense"] = interest
        rate = rng.uniform(0.12, 0.28) + rng.normal(0, 0.01, len(pretax))
        self.flows["IncomeTaxExpenseBenefit"] = self._rounded(pretax * rate)
        self.flows["NetIncomeLoss"] = pretax - self.flows["IncomeTaxExpenseBenefit"]

    def draw_cash_flow(self) -> None:
        """Cash flow about net income plus depreciation, and what it is spent on."""
        rng, extra, quarters = self.rng, self.sector.extra, 4 * self.years
        revenue, income = self.flows["revenue"], self.flows["NetIncomeLoss"]
        depreciation = self._rounded(self.balances["Assets"] * rng.uniform(0.006, 0.018))
        self.flows["NetCashProvidedByUsedInOperatingActivities"] = (
            income + depreciation + self._rounded(revenue * rng.normal(0, 0.02, quarters))
        )
        if "depreciation" in extra or rng.random() < 0.25:
            self.flows["DepreciationDepletionAndAmortization"] = depreciation
        if "deposits" not in extra and "costs" not in extra:
            self.flows["PaymentsToAcquirePropertyPlantAndEquipment"] = self._rounded(
                depreciation * rng.uniform(0.8, 1.6) * (1 + rng.normal(0, 0.1, quarters))
            )
        if rng.random() < 0.5:
            self.flows["PaymentsOfDividends"] = self._rounded(
                np.abs(income) * rng.uniform(0.2, 0.5)
            )
        if "sbc" in extra:
            self.flows["ShareBasedCompensation"] = self._rounded(revenue * self._share((0.02, 0.1)))

    def draw_shares(self) -> dict[str, Ints]:
        """Share counts that a price of 5 to 400 at 18 times earnings (or 1.5 times sales) makes."""
        rng = self.rng
        price = float(np.exp(rng.uniform(np.log(5), np.log(400))))
        earnings = float(self.flows["NetIncomeLoss"][-4:].sum())
        count = max(2e6, max(18 * earnings, 1.5 * self.yearly_revenue[-1]) / price)
        step = min(self.precision, 10**3 if count < 2e9 else 10**6)
        wander = np.exp(np.cumsum(rng.normal(rng.normal(0, 0.004), 0.003, 4 * self.years)))

        def counted(shares: Floats) -> Ints:
            return np.asarray(np.rint(shares / step), np.int64) * step

        return {
            "WeightedAverageNumberOfDilutedSharesOutstanding": counted(1.015 * count * wander),
            "CommonStockSharesOutstanding": counted(count * wander),
        }

    def _rounded(self, values: npt.NDArray[np.floating]) -> Ints:
        return np.asarray(np.rint(values / self.precision), dtype=np.int64) * self.precision

    def _share(self, bounds: tuple[float, float]) -> Floats:
        """A share that wanders a little from quarter to quarter."""
        rng, quarters = self.rng, 4 * self.years
        level = rng.uniform(*bounds)
        wander = np.cumsum(rng.normal(0, 0.006, quarters)) + rng.normal(0, 0.015, quarters)
        return np.asarray(np.clip(level * (1 + wander), 0.001, 0.95))
