"""Stage validate: what is wrong in the raw facts goes to quarantine; the rest must hold."""

import json
from pathlib import Path

from pydantic import Field

from ledgerline import durable
from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality.drift import read_accepted, write_accepted
from ledgerline.quality.gate import block
from ledgerline.quality.report import write_report
from ledgerline.quality.reviews import read_reviews
from ledgerline.quality.summary import Summary, as_metrics, as_numbers
from ledgerline.quality.validation import ValidateSettings, validate
from tasks.params import Params
from tasks.stage import run_stage
from tasks.tracking import stage_run

RAW = Path("data/raw/facts.sqlite")
REVIEWS = Path("data/reviews.yaml")
CLEAN = Path("data/clean/facts.sqlite")
DOCS = Path("reports/data_docs")
REPORT = Path("reports/data_quality.html")
METRICS = Path("reports/validate.json")
ACCEPTED = Path("reports/accepted_ingest.json")


class ValidateParams(Params):
    """What the stage reads of params.yaml."""

    validate_: ValidateSettings = Field(alias="validate")


def main(params: ValidateParams) -> None:
    """Write the clean store, Data Docs and the report, then fail if a critical suite does."""
    reviews, accepted = read_reviews(REVIEWS), read_accepted(ACCEPTED)
    validated = validate(
        RAW,
        CLEAN,
        reviews,
        params.validate_,
        Catalogue.load(),
        docs=DOCS,
        report=f"../{REPORT.name}",
        accepted=accepted,
    )
    summary = validated.summary
    write_report(REPORT, summary, validated.board, docs="data_docs/index.html")
    content = json.dumps(as_metrics(summary), indent=2, ensure_ascii=False)
    durable.write_text(METRICS, content + "\n")
    write_accepted(ACCEPTED, validated.accepted)
    _print(summary)
    with stage_run("validate", params) as run:
        run.log(as_numbers(summary))
        run.attach(METRICS)
        run.attach(REPORT)
        block(summary.suites, REPORT)


def _print(summary: Summary) -> None:
    """The lines that a person reads in the terminal."""
    print(
        f"{summary.facts_in:,} facts in, {summary.accepted:,} accepted, "
        f"{summary.set_aside:,} set aside"
    )
    for reason, count in summary.reasons.items():
        print(f"  {count:>7,}  {reason}")
    for why, count in summary.duplicated.items():
        print(f"  {count:>7,}  given twice, left out: {why}")
    if summary.truth is not None:
        print(
            f"of {summary.truth.planted:,} planted errors: recall {summary.truth.recall:.4f}, "
            f"precision {summary.truth.precision:.4f}"
        )
    for suite in summary.suites:
        for failure in suite.warnings:
            print(f"warning, {failure.suite}: {failure.expectation} ({failure.count:,} rows)")


if __name__ == "__main__":
    run_stage("validate", ValidateParams, main)
