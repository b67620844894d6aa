"""Stage validate: what is wrong in the raw facts goes to quarantine; the rest must hold."""

import json
from pathlib import Path

from ledgerline import durable
from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality.gate import block
from ledgerline.quality.report import write_report
from ledgerline.quality.reviews import read_reviews
from ledgerline.quality.validation import as_metrics, validate
from tasks.params import Params
from tasks.stage import run_stage

RAW = Path("data/raw/facts.sqlite")
REVIEWS = Path("data/reviews.yaml")
CLEAN = Path("data/clean/facts.sqlite")
DOCS = Path("reports/data_docs")
REPORT = Path("reports/data_quality.html")
METRICS = Path("reports/validate.json")


def main(params: Params) -> None:
    """Write the clean store, Data Docs and the report, then fail if a critical suite does."""
    summary, board = validate(
        RAW, CLEAN, read_reviews(REVIEWS), params.validate_, Catalogue.load(), DOCS
    )
    write_report(REPORT, summary, board, docs="data_docs/index.html")
    metrics = as_metrics(summary)
    durable.write_text(METRICS, json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
    _print(metrics)
    block(summary.suites, REPORT)


def _print(metrics: dict[str, object]) -> None:
    """The lines that a person reads in the terminal."""
    print(
        f"{metrics['facts_in']:,} facts in, {metrics['accepted']:,} accepted, "
        f"{metrics['set_aside']:,} set aside"
    )
    reasons = metrics["reasons"]
    assert isinstance(reasons, dict)
    for reason, count in reasons.items():
        print(f"  {count:>7,}  {reason}")
    planted = metrics["planted"]
    if isinstance(planted, dict):
        print(
            f"of {planted['errors']:,} planted errors: recall {planted['recall']:.4f}, "
            f"precision {planted['precision']:.4f}, right factor {planted['right_factor']:.4f}"
        )


if __name__ == "__main__":
    run_stage("validate", main)
