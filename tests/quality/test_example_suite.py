"""The suite of examples finds every kind of leak, each by its own expectation."""

import pandas as pd
import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.quality.example_suite import run_example_suite


def examples(**changes: object) -> pd.DataFrame:
    """One training, one validation and one test example; `changes` go to the last."""
    columns = {
        "id": ["a", "b", "c"],
        "split": ["train", "validation", "test"],
        "prompt": ["Acme's sales in 2019 were ", "Beta saw profit of ", "At Gamma, assets hit "],
        "completion": ["$9.1 billion", "", "$3 million"],
        "holdouts": ["", "company", "company,metric,period,phrasing"],
        "company": ["1", None, "3"],
        "metric": ["revenue", None, "assets"],
        "period": ["FY2019", None, "Q2 2022"],
        "phrasing": ["p1", "p2", "p3"],
        "document_date": ["2020-03-01"] * 3,
    }
    for column, value in changes.items():
        columns[column][2] = value
    return pd.DataFrame(columns)


def test_examples_that_leak_nothing_pass():
    assert run_example_suite(examples(), None).failures == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"holdouts": "company", "split": "train"}, "hold nothing out"),
        ({"company": "1"}, "No company"),
        ({"metric": "revenue"}, "No metric"),
        ({"period": "Q1 2019"}, "No fiscal year"),
        ({"phrasing": "p1"}, "No phrasing"),
        ({"completion": ""}, "empty exactly when"),
        ({"completion": "$3 million billion"}, "scaled twice"),
        ({"prompt": "acme's sales in 2019 were: "}, "repeats a training prompt"),
        ({"split": "practice"}, "examples for training"),
    ],
)
def test_each_leak_is_critical(changes: dict[str, object], words: str):
    failures = run_example_suite(examples(**changes), None).critical
    assert [f.count for f in failures if words in f.expectation] == [1]
    assert len(failures) <= 2


def test_missing_columns_are_named():
    with pytest.raises(LedgerlineError, match="phrasing"):
        run_example_suite(examples().drop(columns="phrasing"), None)
