"""The filings of a generated company: 10-Ks with comparatives, 10-Qs, and their errors."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ledgerline.filings.accounts import Accounts

_DILUTED = "WeightedAverageNumberOfDilutedSharesOutstanding"
_UNITS = {
    "EarningsPerShareDiluted": "{currency}/shares",
    _DILUTED: "shares",
    "CommonStockSharesOutstanding": "shares",
    "EffectiveIncomeTaxRateContinuingOperations": "pure",
}
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


def unit_of(tag: str, currency: str) -> str:
    """The unit of `tag`'s values at a company that reports in `currency`."""
    return _UNITS.get(tag, "{currency}").format(currency=currency)


@dataclass(frozen=True, slots=True)
class YearEnd:
    """A fiscal-year end: the last day of `month`, or the `weekday` nearest to it or last in it."""

    month: int
    weekday: int | None
    nearest: bool

    @classmethod
    def draw(cls, random_: random.Random) -> "YearEnd":
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


class FilingsOf:
    """Writes a company's accounts as the rows of its 10-Ks and 10-Qs."""

    def __init__(
        self,
        cik: int,
        year_end: YearEnd,
        first_year: int,
        restatement_rate: float,
        random_: random.Random,
    ):
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self._restatement_rate = restatement_rate
        self._cik = cik
        self._year_end = year_end
        self._first_year = first_year
        self._random = random_

    def write(self, accounts: Accounts, revenue_tag: str) -> None:
        """Fill `rows` with every filing's facts."""
        names = {tag: revenue_tag if tag == "revenue" else tag for tag in accounts.flows}
        flows = {names[tag]: values.tolist() for tag, values in accounts.flows.items()}
        shares = {tag: values.tolist() for tag, values in accounts.shares.items()}
        balances = {tag: values.tolist() for tag, values in accounts.balances.items()}
        balances["CommonStockSharesOutstanding"] = shares.pop("CommonStockSharesOutstanding")
        average = shares[_DILUTED]
        years = len(average) // 4
        annual = _annual_values(flows, average)
        quarterly = {
            **{
                tag: values
                for tag, values in flows.items()
                if tag not in _CASH_FLOW and tag not in _YEARLY
            },
            _DILUTED: average,
            "EarningsPerShareDiluted": [
                round(i / s, 2) for i, s in zip(flows["NetIncomeLoss"], average, strict=True)
            ],
        }
        cash_flow = {t: v for t, v in flows.items() if t in _CASH_FLOW and t not in _YEARLY}
        for tag in (*annual, *balances):
            self.rows[tag] = []
        for y in range(years):
            self._quarters(y, quarterly, cash_flow, balances)
            self._annual(y, annual, balances, names, accounts.precision)

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
        if y and self._random.random() < self._restatement_rate:
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


def _annual_values(flows: dict[str, list[int]], average: list[int]) -> dict[str, list[Any]]:
    """Whole years' values by tag, from quarterly flows and average share counts."""
    years = range(len(average) // 4)
    annual: dict[str, list[Any]] = {
        tag: [sum(values[4 * y : 4 * y + 4]) for y in years] for tag, values in flows.items()
    }
    shares = [round(sum(average[4 * y : 4 * y + 4]) / 4000) * 1000 for y in years]
    income, tax = annual["NetIncomeLoss"], annual["IncomeTaxExpenseBenefit"]
    annual[_DILUTED] = shares
    annual["EarningsPerShareDiluted"] = [
        round(i / s, 2) for i, s in zip(income, shares, strict=True)
    ]
    annual["EffectiveIncomeTaxRateContinuingOperations"] = [
        round(t / (i + t), 3) if i + t > 0 < t else 0.21 for t, i in zip(tax, income, strict=True)
    ]
    return annual
