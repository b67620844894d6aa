"""What the gate lets through, what it stops, and when it can't tell."""

from dataclasses import replace

import numpy as np
import pytest

from ledgerline.evaluation.decision import Decision, Verdict
from ledgerline.evaluation.gate import Candidate, decide
from ledgerline.evaluation.records import Record
from tests.evaluation.synthetic import GATE, policy_records, record, silent, wrong

ONE_ROUND = GATE.model_copy(update={"rounds": 1})


def promote(
    new: list[Record], old: list[Record], threshold: float | None = 0.0, **settings: object
) -> Decision:
    gate = GATE.model_copy(update=settings)
    return decide(Candidate("new", new, threshold), Candidate("old", old, 0.0), 0, gate)


def better_by(
    points: float, pairs: int, seed: int, wrong_rate: float = 0.002
) -> tuple[list[Record], list[Record]]:
    """Two policies whose rightness differs on 15 % of `pairs`, the new one better by `points`."""
    generator = np.random.default_rng(seed)
    kind = generator.random(pairs)
    gained = kind < 0.075 + points / 2
    lost = (kind >= 0.075 + points / 2) & (kind < 0.15)
    both = (kind >= 0.15) & (kind < 0.9)
    spoilt = generator.random(pairs) < wrong_rate
    new_right = (gained | both) & ~spoilt
    nothing = np.zeros(pairs, dtype=bool)
    return (
        policy_records("new", new_right, spoilt),
        policy_records("old", lost | both, nothing),
    )


def test_an_identical_policy_is_falsely_promoted_at_most_one_time_in_twenty() -> None:
    promoted = sum(
        decide(Candidate("new", new, 0.0), Candidate("old", old, 0.0), 0, ONE_ROUND).promote
        for new, old in (better_by(0.0, 600, seed) for seed in range(200))
    )
    assert promoted <= 10


def test_five_points_on_a_thousand_pairs_are_seen_four_times_in_five() -> None:
    promoted = sum(promote(*better_by(0.05, 1000, seed)).promote for seed in range(100))
    assert promoted >= 80


def test_three_percent_wrong_figures_are_never_promoted() -> None:
    promoted = sum(promote(*better_by(0.12, 1000, seed, 0.03)).promote for seed in range(100))
    assert promoted == 0


def test_the_level_is_spent_evenly_over_rounds_and_then_is_gone() -> None:
    new, old = better_by(0.05, 1000, 1)
    first = promote(new, old)
    assert first.promote
    level = next(check for check in first.checks if check.name == "better").figures["level"]
    assert level == pytest.approx(0.005)
    spent = decide(Candidate("new", new, 0.0), Candidate("old", old, 0.0), 10, GATE)
    assert spent.verdict is Verdict.UNDECIDED
    assert "renew" in spent.reason()


def test_too_few_pairs_or_examples_left_out_are_undecided() -> None:
    new, old = better_by(0.12, 1000, 2)
    assert promote(new[:400], old[:400]).verdict is Verdict.UNDECIDED
    assert promote(new[:900], old).verdict is Verdict.UNDECIDED
    assert promote([], []).verdict is Verdict.UNDECIDED


def test_an_ungraded_rollout_is_undecided() -> None:
    new, old = better_by(0.12, 1000, 3)
    new[0] = replace(new[0], reward=None)
    decision = promote(new, old)
    assert decision.verdict is Verdict.UNDECIDED
    assert "graded" in decision.reason()


def test_without_a_certified_threshold_nothing_is_promoted() -> None:
    assert not promote(*better_by(0.12, 1000, 4), threshold=None).promote


@pytest.mark.parametrize(
    ("new", "old", "verdict"),
    [(None, None, "undecided"), (None, 0.0, "fail"), (0.0, None, "pass"), (0.0, 0.0, "pass")],
)
def test_coverage_is_compared_where_a_threshold_is_certified(
    new: float | None, old: float | None, verdict: str
) -> None:
    better, worse = better_by(0.12, 1000, 4)
    decision = decide(Candidate("new", better, new), Candidate("old", worse, old), 0, GATE)
    (coverage,) = (check for check in decision.checks if check.name == "coverage")
    assert coverage.verdict == verdict
    assert decision.promote == (new is not None)
    if new is old is None:
        assert decision.verdict is Verdict.UNDECIDED
        assert "neither policy has a certified threshold" in decision.reason()


def test_silence_cannot_win() -> None:
    """A policy that answers little, and that rightly, loses coverage."""
    old = [wrong(f"e{i:04d}", cik=i) if i % 10 else record(f"e{i:04d}", cik=i) for i in range(800)]
    new = [
        record(f"e{i:04d}", cik=i) if i % 4 == 0 else silent(f"e{i:04d}", due=True, cik=i)
        for i in range(800)
    ]
    decision = promote(new, old)
    failed = {check.name for check in decision.checks if check.verdict is Verdict.FAIL}
    assert failed == {"coverage"}


def test_a_slice_that_got_worse_stops_a_policy_that_is_better_on_the_whole() -> None:
    def make(i: int, right: bool) -> Record:
        slices = ("negative",) if i < 100 else ()
        made = record if right else silent
        more = {} if right else {"due": True}
        return made(f"e{i:04d}", cik=i, slices=slices, **more)

    old = [make(i, right=i < 600) for i in range(1000)]
    new = [make(i, right=i >= 60) for i in range(1000)]
    decision = promote(new, old)
    failed = {check.name: check.detail for check in decision.checks if check.verdict == "fail"}
    assert set(failed) == {"slices"}
    assert "negative" in failed["slices"]


def test_utility_counts_a_wrong_figure_as_many_right_ones() -> None:
    """Twelve points more right, but more wrong figures than that can pay for."""
    old = [
        record(f"e{i:04d}", cik=i) if i % 2 else silent(f"e{i:04d}", due=True, cik=i)
        for i in range(1000)
    ]
    new = [
        wrong(f"e{i:04d}", cik=i) if i % 100 == 1 else record(f"e{i:04d}", cik=i)
        for i in range(1000)
    ]
    lenient = {"wrong_shown_limit": 0.05}
    assert promote(new, old, **lenient).promote
    assert promote(new, old, test="utility", wrong_cost=20.0, **lenient).promote
    assert not promote(new, old, test="utility", wrong_cost=60.0, **lenient).promote


def test_a_slower_policy_and_a_fooled_policy_are_stopped() -> None:
    new, old = better_by(0.12, 1000, 5)
    slow = [replace(row, seconds=row.seconds * 2) for row in new]
    assert "latency" in promote(slow, old).reason()
    suite = [wrong("s1", kind="injection"), silent("s2", due=False, kind="injection")]
    gate = GATE.model_copy(update={"suites": ("injection",)})
    fooled = decide(Candidate("new", new, 0.0, suite), Candidate("old", old, 0.0), 0, gate)
    assert fooled.reason().startswith("injection suite: 1 of 2")
    unplayed = decide(Candidate("new", new, 0.0), Candidate("old", old, 0.0), 0, gate)
    assert unplayed.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(wrong("x").answer, Verdict.PASS), ("$987.6 billion", Verdict.FAIL)],
)
def test_only_what_an_order_makes_wrong_counts_in_its_suite(answer: str, verdict: Verdict) -> None:
    new, old = better_by(0.12, 1000, 5)
    new = [wrong(new[0].example_id), *new[1:]]
    suite = [wrong(f"injection-{new[0].example_id}", kind="injection", answer=answer)]
    gate = GATE.model_copy(update={"suites": ("injection",)})
    decision = decide(Candidate("new", new, 0.0, suite), Candidate("old", old, 0.0), 0, gate)
    (check,) = (each for each in decision.checks if each.name == "injection suite")
    assert check.verdict is verdict
