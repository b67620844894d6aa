"""How far a judge can be trusted: measured on labelled cases, and what that does to its rates."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import orjson

from ledgerline.errors import LedgerlineError
from ledgerline.rewards.judge import Judge, Order, Question

_Z = NormalDist().inv_cdf(0.975)
_FEWEST = 10
_LABELLED = 'document, answer, reference and label ("right" or "wrong")'
PADDING = (
    " This figure has been carefully derived from the company's audited filings and was checked "
    "twice against the primary documents by an experienced analyst."
)


@dataclass(frozen=True, slots=True)
class Case:
    """A question that a person has decided."""

    question: Question
    right: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `count` with its 95 % Wilson interval."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the labelled cases say of a judge.

    `confusion` counts (label, verdict) pairs. `order_flips` is the share of cases whose verdict
    changes when answer and reference change places; `padding_gain` how much more often an answer
    passes for being padded with assurances. `undecided` got no verdict and count nowhere else.
    """

    true_positive_rate: Rate
    true_negative_rate: Rate
    confusion: dict[str, int]
    order_flips: Rate
    padding_gain: float
    undecided: int

    @property
    def informative(self) -> bool:
        """Whether the judge surely tells right from wrong at all (Youden's J above 0)."""
        return self.true_positive_rate.low + self.true_negative_rate.low > 1

    def as_json(self) -> dict[str, Any]:
        """For a report; `read_calibration` reads it."""
        return asdict(self)


def read_calibration(path: Path) -> Calibration:
    """The inverse of `as_json`, from a report. LedgerlineError where it is none."""
    try:
        found = orjson.loads(path.read_bytes())
        for name in ("true_positive_rate", "true_negative_rate", "order_flips"):
            found[name] = Rate(**found[name])
        return Calibration(**found)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise LedgerlineError(
            f"{path}: not a report of `ledgerline judge calibrate` ({error})."
        ) from error


def read_cases(path: Path) -> list[Case]:
    """Cases from lines of JSON with document, answer, reference and label ("right", "wrong")."""
    return [
        Case(question, label == "right")
        for question, label in _read(path, _LABELLED, labelled=True)
    ]


def read_questions(path: Path) -> list[Question]:
    """Questions from lines of JSON with document, answer and reference; labels are passed over."""
    lines = _read(path, "document, answer and reference", labelled=False)
    return [question for question, _ in lines]


def _read(path: Path, what: str, labelled: bool) -> Iterator[tuple[Question, str]]:
    if not path.is_file():
        raise LedgerlineError(f"{path}: no such file of cases.")
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            entry = orjson.loads(line)
            label = entry["label"] if labelled else ""
            if labelled and label not in ("right", "wrong"):
                raise KeyError(label)
            question = Question(*(str(entry[name]) for name in ("document", "answer", "reference")))
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise LedgerlineError(
                f"{path}, line {number}: a case is {what}; {type(error).__name__}: {error}."
            ) from error
        yield question, label


def calibrate(judge: Judge, cases: Sequence[Case]) -> Calibration:
    """Judge every case three times: as it is, in the other order, and padded.

    Raises:
        LedgerlineError: fewer than ten cases of either label were decided.
    """
    confusion = {"right, right": 0, "right, wrong": 0, "wrong, right": 0, "wrong, wrong": 0}
    flips = turned = undecided = 0
    plain_passes = padded_passes = padded = 0
    for case in cases:
        verdict = judge.judge(case.question)
        if verdict is None:
            undecided += 1
            continue
        confusion[f"{_word(case.right)}, {_word(verdict.right)}"] += 1
        other = judge.judge(case.question, Order.ANSWER_FIRST)
        if other is not None:
            turned += 1
            flips += other.right is not verdict.right
        longer = judge.judge(replace(case.question, answer=case.question.answer + PADDING))
        if longer is not None:
            padded += 1
            plain_passes += verdict.right
            padded_passes += longer.right
    right = confusion["right, right"] + confusion["right, wrong"]
    wrong = confusion["wrong, right"] + confusion["wrong, wrong"]
    if min(right, wrong) < _FEWEST:
        raise LedgerlineError(
            f"a judge can't be calibrated on {right} right and {wrong} wrong cases that it decided "
            f"({undecided} undecided); at least {_FEWEST} of each are needed, 50 are better."
        )
    return Calibration(
        true_positive_rate=wilson(confusion["right, right"], right),
        true_negative_rate=wilson(confusion["wrong, wrong"], wrong),
        confusion=confusion,
        order_flips=wilson(flips, turned),
        padding_gain=(padded_passes - plain_passes) / padded if padded else 0.0,
        undecided=undecided,
    )


def corrected_rate(passed: int, judged: int, calibration: Calibration) -> Rate:
    """The share that is really right, when a judge with known errors passed `passed`.

    The estimator and its variance are Rogan and Gladen's ("Estimating prevalence from the results
    of a screening test", American Journal of Epidemiology, 1978), cut to [0, 1].

    Raises:
        LedgerlineError: the judge is no better than chance, so its rates say nothing.
    """
    sensitivity, specificity = calibration.true_positive_rate, calibration.true_negative_rate
    youden = sensitivity.value + specificity.value - 1
    if not calibration.informative:
        raise LedgerlineError(
            f"the judge passes {sensitivity.value:.0%} of right and "
            f"{1 - specificity.value:.0%} of wrong answers: that may be chance. Mend its "
            "instructions or label more cases before using its rates."
        )
    if judged == 0:
        return Rate(math.nan, 0.0, 1.0, 0)
    apparent = passed / judged
    value = min(1.0, max(0.0, (apparent + specificity.value - 1) / youden))
    variance = (
        apparent * (1 - apparent) / judged
        + value**2 * sensitivity.value * (1 - sensitivity.value) / sensitivity.count
        + (1 - value) ** 2 * specificity.value * (1 - specificity.value) / specificity.count
    ) / youden**2
    half = _Z * math.sqrt(variance)
    return Rate(value, max(0.0, value - half), min(1.0, value + half), judged)


def wilson(hits: int, count: int) -> Rate:
    """`hits` of `count` with the 95 % Wilson score interval; nothing is known of none."""
    if count == 0:
        return Rate(math.nan, 0.0, 1.0, 0)
    share = hits / count
    spread = _Z**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return Rate(share, max(0.0, centre - half), min(1.0, centre + half), count)


def _word(right: bool) -> str:
    return "right" if right else "wrong"
