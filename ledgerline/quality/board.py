"""Facts as sorted columns of numbers: sorted once, shared by every detector."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ledgerline.filings.fsds import PER_SHARE

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


class Kind(IntEnum):
    """What a unit measures; it decides which powers of ten are plausible errors."""

    MONEY = 0
    SHARES = 1
    PER_SHARE = 2
    RATIO = 3
    OTHER = 4


@dataclass(frozen=True)
class Board:
    """All facts, one row each, sorted by series, end, start and filing date.

    level:   float64 log10 of the absolute value; NaN for zero, which no power of ten changes
    rate:    float32 level of a flow per year (a quarter's revenue + log10 4), so that spans
             of different length compare; equal to level for balances, shares and ratios
    series:  code of (company, metric, unit)
    point:   code of (series, start, end): the same fact in every filing that gives it
    filing, company, metric, unit: codes into `filings`, `companies`, `metrics`, `units`
    kind:    Kind of each row
    start, end, filed: days since 1970-01-01; start is `NO_START` for an instant
    zeros:   int8, how many zeros the value ends in before the decimal point (-4…18); the
             grain it is stated in. Negative: decimals
    order:   row in the frame that the board was made from
    """

    fact_id: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    level: npt.NDArray[np.float64]
    rate: Floats
    negative: Flags
    zeros: npt.NDArray[np.int8]
    series: Codes
    point: Codes
    filing: Codes
    company: Codes
    metric: Codes
    unit: Codes
    kind: npt.NDArray[np.int8]
    start: Codes
    end: Codes
    filed: Codes
    filings: Sequence[str]
    companies: Sequence[int]
    metrics: Sequence[str]
    units: Sequence[str]

    def __len__(self) -> int:
        return len(self.level)


NO_START = np.int32(-(2**31))
LARGEST_GRAIN, SMALLEST_GRAIN = 18, -4
DAYS_A_YEAR = 365.25


def make_board(frame: pd.DataFrame) -> Board:
    """Sort a frame of `Store.frame()`'s columns into a `Board`."""
    company, companies = _codes(frame["cik"])
    accession, accessions = _codes(frame["accession"])
    # Co-registrants share an accession; each has a filing of its own.
    filing, filed_by = _codes(company.astype(np.int64) * len(accessions) + accession)
    filings = [str(accessions[code % len(accessions)]) for code in filed_by]
    names = frame["taxonomy"].astype("category")
    tags, tag_names = _codes(frame["tag"])
    taxonomies = list(names.cat.categories)
    qualified = tags.astype(np.int64) * len(taxonomies) + names.cat.codes.to_numpy()
    metric, qualified_names = _codes(qualified)
    metrics = [
        f"{taxonomies[code % len(taxonomies)]}:{tag_names[code // len(taxonomies)]}"
        for code in qualified_names
    ]
    unit, units = _codes(frame["unit"])
    start, end, filed = (_days(frame[column]) for column in ("start", "end", "filed"))

    series_key = (company.astype(np.int64) * len(metrics) + metric) * len(units) + unit
    order = np.lexsort((filed, start, end, series_key))
    series = _boundaries(series_key[order])
    point = _boundaries(series_key[order], end[order], start[order])

    value = frame["value"].to_numpy(np.float64)[order]
    size = np.abs(value)
    with np.errstate(divide="ignore"):
        level = np.where(size > 0, np.log10(size), np.nan)
    unit, metric, start, end = unit[order], metric[order], start[order], end[order]
    kind = _kinds(units, metrics, unit, metric)
    return Board(
        fact_id=frame["fact_id"].to_numpy(np.int64)[order],
        order=order,
        value=value,
        level=level,
        rate=_rates(level, kind, start, end),
        negative=value < 0,
        zeros=trailing_zeros(size),
        series=series,
        point=point,
        filing=filing[order],
        company=company[order],
        metric=metric,
        unit=unit,
        kind=kind,
        start=start,
        end=end,
        filed=filed[order],
        filings=filings,
        companies=[int(cik) for cik in companies],
        metrics=metrics,
        units=units,
    )


def trailing_zeros(size: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """How many zeros each value ends in: 5,123,000 → 3, 5.25 → -2, 0 → 18."""
    zeros = np.full(len(size), SMALLEST_GRAIN, np.int8)
    rest = np.arange(len(size))
    for grain in range(SMALLEST_GRAIN + 1, LARGEST_GRAIN + 1):
        scaled = size[rest] * 10.0**-grain if grain <= 0 else size[rest] / 10.0**grain
        # 2276.9 × 10 is 22768.999… in binary: what a double can't tell from whole is whole.
        whole = np.abs(scaled - np.round(scaled)) <= 1e-15 * scaled
        rest = rest[whole]
        zeros[rest] = grain
    return zeros


def _codes(values: Any) -> tuple[Codes, list[Any]]:
    """Small codes for `values`, and the values that they stand for."""
    codes, distinct = pd.factorize(values)
    return codes.astype(np.int32), list(distinct)


def _days(dates: "pd.Series[pd.Timestamp]") -> Codes:
    days = dates.to_numpy().astype("datetime64[D]")
    missing = np.isnat(days)
    return np.where(missing, NO_START, days.astype(np.int64)).astype(np.int32)


def _boundaries(*sorted_keys: npt.NDArray[np.generic]) -> Codes:
    """Dense codes of runs of equal keys: [5, 5, 9] → [0, 0, 1]."""
    changes = np.zeros(len(sorted_keys[0]), bool)
    for key in sorted_keys:
        changes[1:] |= key[1:] != key[:-1]
    return np.cumsum(changes, dtype=np.int32)


def unit_kind(unit: str) -> Kind:
    """The kind that a unit's own text tells: "USD" → MONEY, "USD/shares" → PER_SHARE."""
    lowered = unit.lower()
    if "/share" in lowered:
        return Kind.PER_SHARE
    if lowered in {"shares", "share"}:
        return Kind.SHARES
    if lowered in {"pure", "percent", "rate", "ratio"}:
        return Kind.RATIO
    if len(unit) == 3 and unit.isalpha() and unit.isupper():
        return Kind.MONEY
    return Kind.OTHER


def _kinds(
    units: Sequence[str], metrics: Sequence[str], unit: Codes, metric: Codes
) -> npt.NDArray[np.int8]:
    kind = np.array([unit_kind(name) for name in units], np.int8)[unit]
    # Filings of 2009 and 2010 give earnings per share in plain "USD".
    per_share = np.array([PER_SHARE.search(name) is not None for name in metrics])[metric]
    return np.where((kind == Kind.MONEY) & per_share, np.int8(Kind.PER_SHARE), kind)


def _rates(
    level: npt.NDArray[np.float64], kind: npt.NDArray[np.int8], start: Codes, end: Codes
) -> Floats:
    flow = (start != NO_START) & ((kind == Kind.MONEY) | (kind == Kind.PER_SHARE))
    days = np.where(flow, end.astype(np.int64) - start + 1, DAYS_A_YEAR)
    years = np.maximum(days, 1) / DAYS_A_YEAR
    return (level - np.log10(years)).astype(np.float32)
