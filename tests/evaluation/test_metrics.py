"""What the measures count, on records few enough to count by hand."""

import math
from pathlib import Path

import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.metrics import (
    Uncertainty,
    compare,
    in_slice,
    measure,
    pair,
    slices_present,
)
from ledgerline.evaluation.records import read_records, write_records
from tests.evaluation.synthetic import record, silent, wrong

UNCERTAINTY = Uncertainty(confidence=0.95, resamples=500, seed=0)

ROWS = [
    record("a", cik=1, slices=("annual",), seconds=0.1, confidence=0.9),
    record("b", cik=2, slices=("annual",), seconds=0.2, confidence=0.4),
    wrong("c", cik=2, slices=("quarterly",), seconds=0.3, confidence=0.8, made_up=True),
    silent("d", due=True, cik=3),
    silent("e", due=False, slices=("none due",)),
    wrong("f", due=False, cik=None, slices=("none due",), confidence=0.3),
    silent("g", due=True, cik=3, outcome="out_of_turns", answer=None),
]


def test_measures_by_hand() -> None:
    whole = measure(ROWS, "all", UNCERTAINTY)
    assert (whole.examples, whole.due, whole.shown, whole.companies) == (7, 5, 4, 3)
    assert whole.accuracy.value == pytest.approx(3 / 7)
    assert whole.accuracy_when_due.value == pytest.approx(2 / 5)
    assert whole.coverage.value == pytest.approx(3 / 5)
    assert whole.wrong_shown.value == pytest.approx(2 / 4)
    assert whole.wrong_shown_bound > 0.5
    assert whole.silence_precision.value == pytest.approx(1 / 2)
    assert whole.silence_recall.value == pytest.approx(1 / 2)
    assert whole.made_up.value == pytest.approx(1 / 4)
    assert whole.no_answer.value == pytest.approx(1 / 7)


def test_whoever_shows_nothing_has_no_cost_of_what_is_shown() -> None:
    quiet = measure([silent("d", due=True, cost=0.5)], "all", UNCERTAINTY)
    assert math.isnan(quiet.cost_per_1000_shown)
    assert quiet.flat()["cost_per_1000_shown"] is None
    assert measure([record("a", cost=0.5)], "all", UNCERTAINTY).cost_per_1000_shown == 500


def test_an_episode_that_ran_out_is_no_abstention() -> None:
    ran_out = silent("g", due=False, outcome="out_of_turns", answer=None, right=False)
    assert measure([ran_out], "all", UNCERTAINTY).silence_recall.value == 0.0


def test_slices_hold_what_they_say() -> None:
    assert slices_present(ROWS) == ["all", "annual", "none due", "quarterly"]
    assert slices_present(ROWS, 2) == ["all", "annual", "none due"]
    assert [row.example_id for row in in_slice(ROWS, "none due")] == ["e", "f"]
    empty = measure(ROWS, "no such slice", UNCERTAINTY)
    assert empty.examples == 0
    assert empty.flat()["accuracy"] is None


def test_withholding_unsure_answers_turns_them_into_silence() -> None:
    served = measure([row.served(0.5) for row in ROWS], "all", UNCERTAINTY)
    assert served.shown == 1  # "c" is sure, and made up
    assert served.wrong_shown.value == 0.0
    assert served.silence_recall.value == 1.0
    assert served.accuracy.value == pytest.approx(3 / 7)  # "b" lost, "f" gained


def test_what_is_made_up_or_said_already_is_never_shown() -> None:
    for fault in ("made_up", "repeated"):
        sure = record("a", confidence=1.0, **{fault: True})
        assert sure.served(0.0).silent
        assert not sure.served(0.0).shown


def test_whoever_runs_out_shows_a_reader_nothing() -> None:
    for due in (False, True):
        ran_out = silent("g", due=due, outcome="out_of_turns", answer=None, right=False)
        seen = ran_out.served(0.0)
        assert seen.silent
        assert seen.right is not due


def test_pairs_are_by_example_and_counted_both_ways() -> None:
    old = [silent("a", due=True, cik=1), record("b", cik=2), record("x", cik=9)]
    pairs = pair(old, ROWS)
    assert [new.example_id for _, new in pairs] == ["a", "b"]
    result = compare(pairs, "annual", UNCERTAINTY)
    assert (result.pairs, result.gained, result.lost) == (2, 1, 0)
    assert result.difference.value == pytest.approx(0.5)
    assert result.flat()["p_value"] == 1.0


def test_records_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert write_records(path, ROWS) == len(ROWS)
    assert read_records(path) == ROWS


def test_a_cut_off_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    write_records(path, ROWS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(LedgerlineError, match=r"records\.jsonl, line 7"):
        read_records(path)
    with pytest.raises(LedgerlineError, match="run the evaluate stage first"):
        read_records(tmp_path / "absent.jsonl")
