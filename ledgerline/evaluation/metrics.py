"""What a policy's records amount to, on all examples and on each slice of them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ledgerline.environments.transcript import Outcome
from ledgerline.evaluation.records import Record
from ledgerline.evaluation.statistics import (
    Interval,
    clopper_pearson,
    cluster_bootstrap,
    clustered_share,
    mcnemar,
    upper_bound,
)
from ledgerline.settings import Settings

ALL = "all"
CROSSED = "new everything"
USUAL = "usual kinds"
"""What is new in everything, without the harder kinds of example; params.yaml says which."""
MAIN = (ALL, CROSSED, USUAL)


class Uncertainty(Settings):
    """How intervals are made: their confidence (0 to 1), bootstrap resamples, and seed."""

    confidence: float
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Measures:
    """One policy on one slice. Shares lie between 0 and 1; `seconds` are wall-clock.

    `accuracy`: right of all, interval clustered by company. `coverage`: shown of those due.
    `wrong_shown`: wrong of those shown, with the one-sided exact bound `wrong_shown_bound`.
    `silence_precision`: none due of those where the policy abstained; `silence_recall`:
    abstained of those where none is due. `no_answer`: neither answered nor abstained.
    `cost_per_1000_shown`: in US dollars, NaN where nothing is shown.
    """

    policy: str
    slice: str
    examples: int
    due: int
    shown: int
    companies: int
    accuracy: Interval
    accuracy_when_due: Interval
    coverage: Interval
    wrong_shown: Interval
    wrong_shown_bound: float
    silence_precision: Interval
    silence_recall: Interval
    made_up: Interval
    no_answer: Interval
    turns: float
    tokens: float
    seconds_p50: float
    seconds_p95: float
    seconds_p99: float
    cost_per_1000_shown: float
    reward: float

    def flat(self) -> dict[str, Any]:
        """Plain numbers for JSON and MLflow: an interval becomes three keys; NaN becomes None."""
        row: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                row[name] = _finite(value["value"])
                row[f"{name}_low"] = _finite(value["low"])
                row[f"{name}_high"] = _finite(value["high"])
            else:
                row[name] = _finite(value) if isinstance(value, float) else value
        return row


def slices_present(records: Sequence[Record], least: int = 1) -> list[str]:
    """Names of the slices that hold at least `least` of `records`, but not every one.

    In order of interest: all, what is new in everything, of that the usual kinds, what is new in
    something, the rest.
    """
    counts: dict[str, int] = {}
    for record in records:
        for name in record.slices:
            counts[name] = counts.get(name, 0) + 1
    held = [name for name, count in counts.items() if least <= count < len(records)]

    def interest(name: str) -> tuple[bool, bool, bool, bool, str]:
        return name != CROSSED, name != USUAL, not is_holdout(name), "+" in name, name

    return [ALL, *sorted(held, key=interest)]


def is_holdout(name: str) -> bool:
    """Whether a slice is one by what is held out of training."""
    return name.startswith("new ") or name == "nothing new"


def in_slice(records: Sequence[Record], name: str) -> list[Record]:
    """The records that count in the slice `name`."""
    return [record for record in records if name == ALL or name in record.slices]


def times(records: Sequence[Record]) -> list[float]:
    """Seconds of the episodes that were timed."""
    return [record.seconds for record in records if record.seconds is not None]


def measure(records: Sequence[Record], name: str, uncertainty: Uncertainty) -> Measures:
    """Measures of one policy's `records` on the slice `name`."""
    rows = in_slice(records, name)
    confidence = uncertainty.confidence
    due = [row for row in rows if row.due]
    shown = [row for row in rows if row.shown]
    silent = [row for row in rows if row.silent]
    undue = [row for row in rows if not row.due]

    def mean(group: Sequence[Record], what: Callable[[Record], bool]) -> Interval:
        return clustered_share(
            [what(row) for row in group],
            [row.cluster for row in group],
            confidence,
            uncertainty.resamples,
            uncertainty.seed,
        )

    def share(group: Sequence[Record], what: Callable[[Record], bool]) -> Interval:
        return clopper_pearson(sum(what(row) for row in group), len(group), confidence)

    seconds = times(rows) or [float("nan")]
    p50, p95, p99 = (float(value) for value in np.percentile(seconds, [50, 95, 99]))
    wrong = sum(row.wrong_shown for row in shown)
    rewards = [row.reward for row in rows if row.reward is not None]
    return Measures(
        policy=rows[0].policy if rows else "",
        slice=name,
        examples=len(rows),
        due=len(due),
        shown=len(shown),
        companies=len({row.cik for row in rows if row.cik is not None}),
        accuracy=mean(rows, lambda row: row.right),
        accuracy_when_due=mean(due, lambda row: row.right),
        coverage=mean(due, lambda row: row.shown),
        wrong_shown=share(shown, lambda row: row.wrong_shown),
        wrong_shown_bound=upper_bound(wrong, len(shown), confidence),
        silence_precision=share(silent, lambda row: not row.due),
        silence_recall=share(undue, lambda row: row.silent),
        made_up=share(shown, lambda row: row.made_up),
        no_answer=share(rows, lambda row: row.outcome not in {Outcome.ANSWERED, Outcome.ABSTAINED}),
        turns=_mean([row.turns for row in rows]),
        tokens=_mean([row.tokens for row in rows]),
        seconds_p50=p50,
        seconds_p95=p95,
        seconds_p99=p99,
        cost_per_1000_shown=(
            1000 * sum(row.cost for row in rows) / len(shown) if shown else float("nan")
        ),
        reward=_mean(rewards),
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies on the same examples of one slice.

    `gained`: pairs that only the candidate got right; `lost`: only the incumbent.
    `difference` is in accuracy, clustered by company; `p_value` is McNemar's, exact, two-sided.
    """

    slice: str
    pairs: int
    incumbent: float
    candidate: float
    gained: int
    lost: int
    difference: Interval
    p_value: float

    def flat(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        row = asdict(self)
        interval = row.pop("difference")
        return {
            **{name: _finite(value) for name, value in row.items()},
            "difference": _finite(interval["value"]),
            "difference_low": _finite(interval["low"]),
            "difference_high": _finite(interval["high"]),
        }


def pair(incumbent: Sequence[Record], candidate: Sequence[Record]) -> list[tuple[Record, Record]]:
    """(incumbent, candidate) records of the examples that both were asked, by example id."""
    other = {record.example_id: record for record in incumbent}
    return [
        (other[record.example_id], record)
        for record in sorted(candidate, key=lambda record: record.example_id)
        if record.example_id in other
    ]


def compare(
    pairs: Sequence[tuple[Record, Record]], name: str, uncertainty: Uncertainty
) -> Comparison:
    """The paired comparison on the slice `name`."""
    rows = [(old, new) for old, new in pairs if name == ALL or name in new.slices]
    gained = sum(new.right and not old.right for old, new in rows)
    lost = sum(old.right and not new.right for old, new in rows)
    return Comparison(
        slice=name,
        pairs=len(rows),
        incumbent=_mean([float(old.right) for old, _ in rows]),
        candidate=_mean([float(new.right) for _, new in rows]),
        gained=gained,
        lost=lost,
        difference=cluster_bootstrap(
            [float(new.right) - float(old.right) for old, new in rows],
            [new.cluster for _, new in rows],
            uncertainty.confidence,
            uncertainty.resamples,
            uncertainty.seed,
        ),
        p_value=mcnemar(gained, lost),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
