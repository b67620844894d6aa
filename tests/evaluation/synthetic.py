"""Records made up for tests: only what a test cares about is said."""

from typing import Any

import numpy as np

from ledgerline.evaluation.gate import GateSettings
from ledgerline.evaluation.records import Record

EMPTY_TRANSCRIPT = {
    "prompt": "",
    "turns": [],
    "outcome": "answered",
    "answer": "",
    "evidence": [],
    "sampled_tokens": 0,
}


def record(example_id: str, **changed: Any) -> Record:
    """A record of a right, shown answer, but for what `changed` says."""
    fields: dict[str, Any] = {
        "policy": "policy",
        "example_id": example_id,
        "split": "test",
        "kind": "annual",
        "holdouts": (),
        "slices": (),
        "cik": 1,
        "company": "Company",
        "metric": "revenue",
        "period": "FY2023",
        "due": True,
        "outcome": "answered",
        "answer": "$1.0 billion",
        "expected": "$1.0 billion",
        "grade": "right",
        "why": "",
        "right": True,
        "shown": True,
        "wrong_shown": False,
        "made_up": False,
        "repeated": False,
        "turns": 2,
        "tokens": 60,
        "seconds": 0.1,
        "confidence": 0.9,
        "reward": 1.0,
        "breakdown": {},
        "accession": "0000000001-24-000001",
        "transcript": EMPTY_TRANSCRIPT,
    }
    return Record(**(fields | changed))


def wrong(example_id: str, **changed: Any) -> Record:
    """A record of a wrong figure shown."""
    said = {"right": False, "wrong_shown": True, "grade": "wrong", "reward": -0.1}
    return record(example_id, **(said | changed))


def silent(example_id: str, due: bool, **changed: Any) -> Record:
    """A record of an abstention."""
    said = {
        "due": due,
        "outcome": "abstained",
        "answer": "",
        "grade": "none",
        "shown": False,
        "right": not due,
        "cik": 1 if due else None,
    }
    return record(example_id, **(said | changed))


def policy_records(
    name: str, right: np.ndarray, shown_wrong: np.ndarray, companies: int = 100
) -> list[Record]:
    """One record for each entry: right, or wrong and shown, or else silent though due."""
    rows = []
    for index, (is_right, is_wrong) in enumerate(zip(right, shown_wrong, strict=True)):
        make = record if is_right else wrong if is_wrong else silent
        more = {"due": True} if make is silent else {}
        slices = ("annual",) if index % 3 else ("quarterly",)
        rows.append(
            make(f"e{index:05d}", policy=name, cik=index % companies, slices=slices, **more)
        )
    return rows


GATE = GateSettings(
    test="mcnemar",
    alpha=0.05,
    rounds=10,
    wrong_cost=20,
    pairs=500,
    confidence=0.95,
    wrong_shown_limit=0.02,
    coverage_margin=0.02,
    slice_margin=0.05,
    slice_pairs=30,
    slice_alpha=0.05,
    latency_ratio=1.5,
    suites=(),
    resamples=2000,
    seed=7,
)
