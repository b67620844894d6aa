"""How far a policy's confidence can be believed, and what to show because of it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ledgerline.evaluation.records import Record
from ledgerline.evaluation.statistics import Interval, clopper_pearson, upper_bound


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: their mean confidence and the share that is right."""

    confidence: float
    right: Interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """A reliability curve with its expected calibration error and Brier score (0 is best)."""

    bins: tuple[Bin, ...]
    error: float
    brier: float


@dataclass(frozen=True, slots=True)
class Point:
    """Showing every answer of at least `threshold`: what share of all examples that shows
    (`coverage`), and what share of the shown is wrong (`risk`, with its upper bound)."""

    threshold: float
    coverage: float
    risk: float
    risk_bound: float


def calibration(records: Sequence[Record], bins: int, confidence: float) -> Calibration:
    """Calibration of the answers in `records`, in `bins` groups of equal size."""
    shown = sorted((record for record in records if record.shown), key=lambda r: r.confidence)
    if not shown:
        return Calibration((), float("nan"), float("nan"))
    sure = np.array([record.confidence for record in shown])
    right = np.array([not record.wrong_shown for record in shown], dtype=float)
    groups = [
        group
        for group in np.array_split(np.arange(len(shown)), min(bins, len(shown)))
        if len(group)
    ]
    curve = tuple(
        Bin(
            float(sure[group].mean()),
            clopper_pearson(int(right[group].sum()), len(group), confidence),
        )
        for group in groups
    )
    error = sum(
        len(group) * abs(part.confidence - part.right.value)
        for group, part in zip(groups, curve, strict=True)
    )
    return Calibration(curve, error / len(shown), float(((sure - right) ** 2).mean()))


def risk_coverage(records: Sequence[Record], confidence: float) -> list[Point]:
    """One point for each distinct confidence, from the surest answer to all answers."""
    shown = sorted((r for r in records if r.shown), key=lambda r: r.confidence, reverse=True)
    points: list[Point] = []
    wrong = 0
    for count, record in enumerate(shown, start=1):
        wrong += record.wrong_shown
        if count < len(shown) and shown[count].confidence == record.confidence:
            continue
        bound = upper_bound(wrong, count, confidence)
        points.append(Point(record.confidence, count / len(records), wrong / count, bound))
    return points


def certified_threshold(
    records: Sequence[Record], limit: float, confidence: float, forgiven: int
) -> float | None:
    """The lowest threshold that certifies at most `limit` wrong among shown, or None.

    `records` are of the validation split. Thresholds are tried in an order that is fixed before
    anything is seen: the first shows as many of the surest answers as certify the limit if
    `forgiven` of them are wrong, each next one as many as forgive one more. The first that holds
    more wrong ones than that ends the row. In such a row each may be tested at 1 − `confidence`,
    and with that confidence none that passes is above the limit (fixed sequence testing in learn
    then test, Angelopoulos et al., arXiv 2110.01052).
    """
    shown = sorted((r for r in records if r.shown), key=lambda r: r.confidence, reverse=True)
    best = None
    while True:
        enough = bisect_left(
            range(len(shown) + 1), -limit, key=lambda n: -upper_bound(forgiven, n, confidence)
        )
        if enough > len(shown):
            return best
        threshold = shown[enough - 1].confidence
        kept = [record for record in shown if record.confidence >= threshold]
        wrong = sum(record.wrong_shown for record in kept)
        if upper_bound(wrong, len(kept), confidence) > limit:
            return best
        best = threshold
        forgiven += 1
