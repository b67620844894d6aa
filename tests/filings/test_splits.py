"""Splits are told from errors and from other restatements."""

import json
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Search
from ledgerline.filings.splits import split_ratio


def test_apples_splits(shared_data: Path) -> None:
    lines = (shared_data / "scale_errors" / "stock_split_negatives.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    assert len(cases) == 110
    for case in cases:
        values = [Decimal(str(seen["val"])) for seen in case["obs"]]
        ratios = {
            split_ratio(before, after, case["unit"])
            for before, after in pairwise(values)
            if before != after
        }
        assert Fraction(case["split_ratio"]) in ratios, case


@pytest.mark.parametrize(
    ("before", "after", "unit", "ratio"),
    [
        ("11.93", "1.19", "USD/shares", Fraction(10)),
        ("0.50", "5.00", "USD/shares", Fraction(1, 10)),
        ("4648913000", "18595652000", "shares", Fraction(4)),
        ("1.50", "1.45", "USD/shares", None),
        ("0.02", "0.01", "USD/shares", None),
        ("1000", "1000000", "shares", None),
        ("1000", "1000000", "USD", None),
        ("-1.00", "0.25", "USD/shares", None),
        ("5", "5", "shares", None),
    ],
)
def test_ratios(before: str, after: str, unit: str, ratio: Fraction | None) -> None:
    assert split_ratio(Decimal(before), Decimal(after), unit) == ratio


def test_versions_know_their_split(real_search: Search) -> None:
    assert real_search.versions(1045810, "eps_diluted")[Period(2024, Span.FY)].split == 10
    assert real_search.versions(320193, "weighted_shares_diluted")[Period(2019, Span.FY)].split == 4
    assert real_search.versions(320193, "revenue")[Period(2019, Span.FY)].split is None
