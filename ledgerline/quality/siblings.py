"""Facts of the same filing and period that must add up, or nearly agree."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ledgerline.quality.board import Board, Flags, Kind
from ledgerline.quality.comparison import Distance
from ledgerline.settings import Settings


@dataclass(frozen=True)
class Relation:
    """An identity between tags: `total` is the sum of `parts` (a leading "-" subtracts).

    `spread` is how far right filings stray from it, in powers of ten.
    """

    name: str
    total: str
    parts: tuple[str, ...]
    spread: float = 0.01
    product: bool = False


RELATIONS = (
    Relation("the balance sheet balances", "Assets", ("LiabilitiesAndStockholdersEquity",)),
    Relation("assets = liabilities + equity", "Assets", ("Liabilities", "StockholdersEquity")),
    Relation(
        "assets = liabilities + equity with minorities",
        "Assets",
        ("Liabilities", "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"),
    ),
    Relation("assets = liabilities + equity (IFRS)", "Assets", ("Liabilities", "Equity")),
    Relation(
        "assets = current + non-current (IFRS)", "Assets", ("CurrentAssets", "NoncurrentAssets")
    ),
    Relation("gross profit = revenue − cost", "GrossProfit", ("Revenues", "-CostOfRevenue")),
    Relation(
        "gross profit = sales − cost of goods sold",
        "GrossProfit",
        ("SalesRevenueNet", "-CostOfGoodsSold"),
    ),
    Relation(
        "gross profit = contract revenue − cost of goods and services",
        "GrossProfit",
        ("RevenueFromContractWithCustomerExcludingAssessedTax", "-CostOfGoodsAndServicesSold"),
    ),
    Relation(
        "gross profit = contract revenue − cost of revenue",
        "GrossProfit",
        ("RevenueFromContractWithCustomerExcludingAssessedTax", "-CostOfRevenue"),
    ),
    Relation(
        "net income = pre-tax income − tax",
        "NetIncomeLoss",
        (
            "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItems"
            "NoncontrollingInterest",
            "-IncomeTaxExpenseBenefit",
        ),
    ),
    Relation("net income = profit", "NetIncomeLoss", ("ProfitLoss",), spread=0.05),
    Relation(
        "shares issued ≈ outstanding",
        "CommonStockSharesIssued",
        ("CommonStockSharesOutstanding",),
        spread=0.08,
    ),
    Relation(
        "shares on the cover ≈ balance sheet",
        "EntityCommonStockSharesOutstanding",
        ("CommonStockSharesOutstanding",),
        spread=0.05,
    ),
    Relation(
        "diluted shares ≈ basic shares",
        "WeightedAverageNumberOfDilutedSharesOutstanding",
        ("WeightedAverageNumberOfSharesOutstandingBasic",),
        spread=0.03,
    ),
    Relation(
        "diluted EPS ≈ basic EPS",
        "EarningsPerShareDiluted",
        ("EarningsPerShareBasic",),
        spread=0.03,
    ),
    Relation(
        "EPS × shares = net income",
        "NetIncomeLoss",
        ("EarningsPerShareBasic", "WeightedAverageNumberOfSharesOutstandingBasic"),
        spread=0.03,
        product=True,
    ),
    Relation(
        "diluted EPS × diluted shares = net income",
        "NetIncomeLoss",
        ("EarningsPerShareDiluted", "WeightedAverageNumberOfDilutedSharesOutstanding"),
        spread=0.03,
        product=True,
    ),
)


class SiblingsSettings(Settings):
    surprise: float
    limit: float
    alarm: float


def siblings(board: Board, trusted: Flags, settings: SiblingsSettings) -> list[Distance]:
    """Distance of each member of a relation to what the other members make it."""
    table = _Table.of(board, trusted, RELATIONS)
    comparisons = []
    for relation in RELATIONS:
        for member, expected in _expectations(relation, table):
            rows = table.row[:, table.column[member]]
            present = (rows >= 0) & (np.abs(expected) > 0)
            if not present.any():
                continue
            target = rows[present]
            order = np.argsort(target)
            target, wanted = target[order], np.abs(expected[present][order])
            comparisons.append(
                Distance(
                    detector=f"siblings: {relation.name}",
                    distance=(board.level[target] - np.log10(wanted)).astype(np.float32),
                    spread=relation.spread,
                    surprise=settings.surprise,
                    limit=settings.limit,
                    alarm=settings.alarm,
                    only=target,
                )
            )
    return comparisons


@dataclass(frozen=True)
class _Table:
    """One line per (filing, start, end), one column per tag: row on the board and value."""

    column: dict[str, int]
    row: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]

    @classmethod
    def of(cls, board: Board, trusted: Flags, relations: Iterable[Relation]) -> "_Table":
        tags = sorted({t.lstrip("-") for r in relations for t in (r.total, *r.parts)})
        column = {tag: number for number, tag in enumerate(tags)}
        columns = np.array([column.get(name.partition(":")[2], -1) for name in board.metrics])
        wanted = (columns[board.metric] >= 0) & (board.kind != Kind.OTHER)
        rows = np.flatnonzero(wanted)
        # The cover's share count carries the filing's date, not the balance sheet's.
        span = board.end[rows].astype(np.int64) * 2000 + np.clip(
            board.end[rows].astype(np.int64) - board.start[rows] + 1, 0, 1999
        )
        instant = board.start[rows] < -(2**30)
        span = np.where(instant, board.end[rows].astype(np.int64) * 2000, span)
        _, span = np.unique(span, return_inverse=True)
        key = board.filing[rows].astype(np.int64) * (span.max(initial=0) + 1) + span
        _, line = np.unique(key, return_inverse=True)
        lines = int(line.max(initial=-1)) + 1
        row = np.full((lines, len(tags)), -1, np.int64)
        value = np.full((lines, len(tags)), np.nan)
        cells = columns[board.metric[rows]]
        row[line, cells] = rows
        value[line, cells] = np.where(trusted[rows], board.value[rows], np.nan)
        return cls(column, row, value)

    def of_tag(self, tag: str) -> npt.NDArray[np.float64]:
        return self.value[:, self.column[tag]]


def _expectations(
    relation: Relation, table: _Table
) -> Iterable[tuple[str, npt.NDArray[np.float64]]]:
    """What each member must be for the relation to hold, from the other members."""
    names = [part.lstrip("-") for part in relation.parts]
    total = table.of_tag(relation.total)
    values = [table.of_tag(name) for name in names]
    if relation.product:
        yield relation.total, np.prod(values, axis=0)
        for number, name in enumerate(names):
            rest = np.prod([v for n, v in enumerate(values) if n != number], axis=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                yield name, np.where(rest != 0, total / rest, np.nan)
        return
    signs = [-1.0 if part.startswith("-") else 1.0 for part in relation.parts]
    signed = [sign * value for sign, value in zip(signs, values, strict=True)]
    whole = np.sum(signed, axis=0)
    yield relation.total, whole
    for name, sign, value in zip(names, signs, signed, strict=True):
        yield name, sign * (total - (whole - value))
