"""Confidence: believed where it is earned, and thresholds that keep their promise."""

import numpy as np
import pytest

from ledgerline.evaluation.calibration import (
    calibration,
    certified_threshold,
    risk_coverage,
)
from ledgerline.evaluation.records import Record
from tests.evaluation.synthetic import record, silent, wrong


def answers(number: int, seed: int, power: float = 1.0) -> list[Record]:
    """Answers whose chance of being right is confidence ** power."""
    generator = np.random.default_rng(seed)
    sure = generator.random(number)
    right = generator.random(number) < sure**power
    return [
        (record if r else wrong)(f"e{i}", confidence=float(c))
        for i, (c, r) in enumerate(zip(sure, right, strict=True))
    ]


def test_a_calibrated_policy_has_a_small_error_and_an_overconfident_one_a_large() -> None:
    honest = calibration(answers(5000, 1), 10, 0.95)
    boastful = calibration(answers(5000, 1, power=3.0), 10, 0.95)
    assert honest.error < 0.03
    assert boastful.error > 0.15
    assert honest.brier < boastful.brier
    assert sum(part.right.trials for part in honest.bins) == 5000


def test_the_curve_runs_from_the_surest_answer_to_all_of_them() -> None:
    rows = [*answers(300, 2), *(silent(f"s{i}", due=False) for i in range(100))]
    points = risk_coverage(rows, 0.95)
    assert [point.coverage for point in points] == sorted(point.coverage for point in points)
    assert points[-1].coverage == pytest.approx(0.75)
    assert points[-1].risk == pytest.approx(sum(row.wrong_shown for row in rows) / 300)
    assert all(point.risk <= point.risk_bound for point in points)


def test_equal_confidences_are_one_point() -> None:
    rows = [record("a", confidence=0.5), wrong("b", confidence=0.5), record("c", confidence=0.9)]
    assert [(p.threshold, p.risk) for p in risk_coverage(rows, 0.95)] == [
        (0.9, 0.0),
        (0.5, pytest.approx(1 / 3)),
    ]


@pytest.mark.parametrize("forgiven", [0, 1])
def test_a_certified_threshold_keeps_its_promise_19_times_of_20(forgiven: int) -> None:
    """The true risk above the threshold chosen on validation, over many validation sets."""

    def sample(seed: int, number: int) -> list[Record]:
        generator = np.random.default_rng(seed)
        sure = generator.random(number)
        right = generator.random(number) > 0.3 * (1 - sure) ** 2
        return [
            (record if r else wrong)(f"e{i}", confidence=float(c))
            for i, (c, r) in enumerate(zip(sure, right, strict=True))
        ]

    broken = found = 0
    for seed in range(200):
        threshold = certified_threshold(sample(seed, 1500), 0.03, 0.95, forgiven)
        if threshold is None:
            continue
        found += 1
        # risk above t of 0.3 (1 − c)², c uniform on (t, 1): 0.1 (1 − t)²
        broken += 0.1 * (1 - threshold) ** 2 > 0.03
    assert found >= 190
    assert broken <= 0.05 * found + 6


def test_the_row_of_thresholds_ends_at_the_first_that_fails() -> None:
    """149 right ones certify 2 %, 236 with one wrong, 313 with two, 386 with three."""

    def answered(wrong_ones: set[int], number: int) -> list[Record]:
        return [
            (wrong if place in wrong_ones else record)(f"e{place}", confidence=1 - place / 1000)
            for place in range(1, number + 1)
        ]

    def shown(wrong_ones: set[int], number: int, forgiven: int) -> int:
        threshold = certified_threshold(answered(wrong_ones, number), 0.02, 0.95, forgiven)
        return 0 if threshold is None else round(1000 * (1 - threshold))

    assert shown(set(), 148, 0) == 0
    assert shown(set(), 149, 0) == 149
    assert shown({100}, 400, 0) == 0
    assert shown({100}, 400, 1) == 386
    assert shown({100, 200, 300}, 400, 1) == 0
    assert shown({100, 300, 310}, 400, 1) == 236, "not 386, which would do, behind one that fails"


def test_nothing_certifies_a_policy_that_is_often_wrong_or_says_too_little() -> None:
    assert certified_threshold([wrong(f"e{i}") for i in range(500)], 0.02, 0.95, 1) is None
    assert certified_threshold([record(f"e{i}") for i in range(50)], 0.02, 0.95, 1) is None
    assert certified_threshold([], 0.02, 0.95, 1) is None
    assert calibration([silent("a", due=True)], 10, 0.95).bins == ()
