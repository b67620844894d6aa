"""Errors of every kind put into clean facts, by seed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ledgerline.quality.board import Kind, make_board


@dataclass(frozen=True)
class Corrupted:
    """A frame with errors put in. rows: places of the wrong facts; factor: wrong ÷ right."""

    frame: pd.DataFrame
    rows: np.ndarray
    factor: float


def single(power: int, share: float = 0.004) -> Callable[..., Corrupted]:
    """Single facts times 10**power."""

    def corrupt(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
        kinds = frame["unit"].isin(["USD", "shares"]) & (frame["value"] != 0)
        rows = rng.choice(np.flatnonzero(kinds), int(share * len(frame)), replace=False)
        return _times(frame, rows, 10.0**power)

    return corrupt


def whole_filings(power: int, count: int = 12) -> Callable[..., Corrupted]:
    """Every amount and share count of some filings, one a company that has filed more than one."""

    def corrupt(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
        filings = frame.groupby("accession")["cik"].agg(["first", "size"])
        several = filings.groupby("first").size()
        usable = filings[filings["first"].isin(several[several > 1].index) & (filings["size"] > 50)]
        shuffled = usable.sample(frac=1, random_state=rng)
        chosen = shuffled.drop_duplicates("first").index[:count]
        scaled = frame["accession"].isin(chosen) & (frame["value"] != 0)
        return _times(frame, np.flatnonzero(scaled & _amounts_and_counts(frame)), 10.0**power)

    return corrupt


def metric_everywhere(power: int, count: int = 60) -> Callable[..., Corrupted]:
    """One metric of one company in all its filings and years."""

    def corrupt(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
        usable = frame[frame["unit"].isin(["USD", "shares"]) & (frame["value"] != 0)]
        series = usable.groupby(["cik", "tag", "unit"]).indices
        keys = [key for key, rows in series.items() if len(rows) >= 3]
        chosen = rng.choice(len(keys), count, replace=False)
        rows = np.concatenate([usable.index[series[keys[n]]].to_numpy() for n in chosen])
        return _times(frame, rows, 10.0**power)

    return corrupt


def percent_for_ratio(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
    """Ratios times a hundred."""
    ratios = np.flatnonzero((frame["unit"] == "pure") & (frame["value"] != 0))
    return _times(frame, rng.choice(ratios, len(ratios) // 20, replace=False), 100.0)


def other_sign(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
    """Amounts with the opposite sign."""
    amounts = np.flatnonzero((frame["unit"] == "USD") & (frame["value"] != 0))
    return _times(frame, rng.choice(amounts, len(frame) // 250, replace=False), -1.0)


def other_unit(frame: pd.DataFrame, rng: np.random.Generator) -> Corrupted:
    """Dollars called shares, shares called dollars, and dollars called euros."""
    usable = np.flatnonzero(frame["unit"].isin(["USD", "shares"]) & (frame["value"] != 0))
    rows = rng.choice(usable, len(frame) // 250, replace=False)
    units = frame["unit"].to_numpy(dtype=object).copy()
    swapped = np.where(rng.random(len(rows)) < 0.5, "EUR", "shares")
    units[rows] = np.where(units[rows] == "shares", "USD", swapped)
    return Corrupted(frame.assign(unit=units), rows, 1.0)


def _amounts_and_counts(frame: pd.DataFrame) -> np.ndarray:
    """Which rows a filing gives in thousands, if any: money and shares, nothing per share."""
    board = make_board(frame)
    scaled = np.empty(len(frame), bool)
    scaled[board.order] = np.isin(board.kind, (Kind.MONEY, Kind.SHARES))
    return scaled


def _times(frame: pd.DataFrame, rows: np.ndarray, factor: float) -> Corrupted:
    value = frame["value"].to_numpy().copy()
    value[rows] = np.array([float(f"{v * factor:.15g}") for v in value[rows]])
    return Corrupted(frame.assign(value=value), np.asarray(rows), factor)


KINDS: dict[str, Callable[..., Corrupted]] = {
    **{f"single facts ×10^{power:+d}": single(power) for power in (3, -3, 6, -6, 9, -9, 1)},
    **{f"whole filings ×10^{power:+d}": whole_filings(power) for power in (3, -3, 6, -6)},
    **{f"a metric in all years ×10^{p:+d}": metric_everywhere(p) for p in (3, -3, 6, -6)},
    "percent for ratio": percent_for_ratio,
    "sign": other_sign,
    "unit": other_unit,
}
