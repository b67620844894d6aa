"""The expectation suite of examples: proof that evaluation never asks what training told.

The rows are plain columns, so that any author's examples can be checked: `id`, `split` (train,
validation or test), `prompt`, `completion`, `holdouts` (comma-separated dimensions), and
`company`, `metric`, `period` (missing where no figure is due), `phrasing`, `document_date`.
"""

# ruff: noqa: S608 - the queries are put together from this file's own text

import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ledgerline.errors import LedgerlineError
from ledgerline.filings.spelling import folded
from ledgerline.quality.gate import Subject, run_suites
from ledgerline.quality.outcome import SuiteResult
from ledgerline.quality.scale_words import contradictions

COLUMNS = (
    "id", "split", "prompt", "completion", "holdouts", "company", "metric", "period", "phrasing",
    "document_date",
)  # fmt: skip
DIMENSIONS = ("company", "metric", "period", "phrasing")
TABLE = "example"


def run_example_suite(rows: pd.DataFrame, docs: Path | None) -> SuiteResult:
    """Run the suite over all splits together; `docs` becomes its Data Docs site.

    Pass the result to `gate.block` to fail on what is critical.

    Raises:
        LedgerlineError: a column is missing.
    """
    missing = [column for column in COLUMNS if column not in rows]
    if missing:
        raise LedgerlineError(f"examples lack the columns {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "examples.sqlite"
        connection = sqlite3.connect(path)
        try:
            _prepared(rows).to_sql(TABLE, connection, index=False)
            for column in ("words", "fiscal_year", *DIMENSIONS):
                connection.execute(f"CREATE INDEX by_{column} ON {TABLE} ({column}, split)")
            connection.commit()
        finally:
            connection.close()
        (result,) = run_suites([Subject(f"sqlite:///{path}", TABLE, _suite)], docs)
    return result


def _prepared(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with what SQL can't work out: folded words, fiscal year, doubled scale words."""
    table = rows.loc[:, list(COLUMNS)].copy()
    table["words"] = [folded(prompt) for prompt in table["prompt"]]
    table["fiscal_year"] = table["period"].astype("string").str.extract(r"(\d{4})$")[0]
    text = table["prompt"].astype(str) + " ¦ " + table["completion"].astype(str)
    table["two_scales"] = contradictions(text).astype(int)
    return table


def _suite() -> Any:
    import great_expectations as gx
    import great_expectations.expectations as core

    return gx.ExpectationSuite(
        name="examples",
        expectations=[
            core.ExpectColumnValuesToBeUnique(
                column="id", severity="critical", description="No two examples share an id."
            ),
            core.ExpectColumnDistinctValuesToEqualSet(
                column="split",
                value_set=["train", "validation", "test"],
                severity="critical",
                description="There are examples for training, validation and test.",
            ),
            *(
                core.UnexpectedRowsExpectation(
                    description=description, unexpected_rows_query=query, severity="critical"
                )
                for description, query in _rules()
            ),
        ],
    )


def _rules() -> Sequence[tuple[str, str]]:
    return (
        *((_unseen_words(name), _unseen(name)) for name in DIMENSIONS),
        (
            "Training examples hold nothing out.",
            f"SELECT {_SHOWN} FROM {{batch}} WHERE split = 'train' AND holdouts <> ''",
        ),
        (
            "A completion is empty exactly when no figure is due.",
            f"SELECT {_SHOWN} FROM {{batch}} WHERE (completion = '') <> (metric IS NULL)",
        ),
        (
            "No figure is scaled twice, as in “$9 billion billion”.",
            f"SELECT {_SHOWN} FROM {{batch}} WHERE two_scales = 1",
        ),
        (
            "No evaluation prompt repeats a training prompt, apart from case and punctuation.",
            _met_in_training("words", "1 = 1"),
        ),
        (
            "The same prompt never has two different completions in training.",
            "SELECT min(id) AS id, words, min(completion) AS one, max(completion) AS other "
            "FROM {batch} WHERE split = 'train' GROUP BY words, document_date "
            "HAVING min(completion) <> max(completion)",
        ),
    )


_SHOWN = "id, split, company, metric, period, phrasing, completion, prompt"


def _unseen_words(dimension: str) -> str:
    what = "fiscal year" if dimension == "period" else dimension
    return f"No {what} that an evaluation example holds out occurs in training."


def _unseen(dimension: str) -> str:
    column = "fiscal_year" if dimension == "period" else dimension
    return _met_in_training(column, f"',' || e.holdouts || ',' LIKE '%,{dimension},%'")


def _met_in_training(column: str, condition: str) -> str:
    """Evaluation examples under `condition` that share `column` with a training example.

    Great Expectations leaves aliases alone only in queries that hold a JOIN.
    """
    shown = ", ".join(f"e.{name}" for name in _SHOWN.split(", "))
    return (
        f"SELECT {shown} FROM {{batch}} AS e "
        f"JOIN (SELECT DISTINCT {column} FROM {{batch}} AS t WHERE t.split = 'train') AS seen "
        f"ON seen.{column} = e.{column} WHERE e.split <> 'train' AND {condition}"
    )
