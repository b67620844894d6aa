"""Stage `evaluate`: what base, trained policy and baselines are worth on held-out examples."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from ledgerline.durable import replacing_directory, write_bytes, write_text
from ledgerline.evaluation.calibration import risk_coverage
from ledgerline.evaluation.evaluate import (
    TRAINED,
    EvaluateSettings,
    Evidence,
    summary,
    weigh,
)
from ledgerline.evaluation.metrics import ALL, MAIN
from ledgerline.evaluation.plots import plot_slices
from ledgerline.evaluation.records import TEST, Record, write_records
from ledgerline.evaluation.report import report
from ledgerline.evaluation.tables import (
    POLICY_COLUMNS,
    SLICE_COLUMNS,
    completion_text,
    cost_note,
    headline,
    markdown_table,
    policy_rows,
    rich_table,
    slice_rows,
    spread,
    telling_slices,
)
from ledgerline.training.processes import Processes
from tasks.lineage import lineage
from tasks.play import (
    EXAMPLES,
    FACTS,
    SHARDS,
    EvaluateParams,
    left_out,
    play,
    played_in_shards,
)
from tasks.stage import run_stage, wide_console
from tasks.tracking import stage_run

RECORDS = Path("data/evaluation/records.jsonl")
PAGE = Path("reports/evaluation.html")
SUMMARY = Path("reports/evaluate.json")
FOLDER = Path("reports/evaluation")


def main(params: EvaluateParams) -> None:
    """Play, judge, weigh; print the table and some completions; write records and report.

    All processes play and judge their part; the main one does the rest.
    """
    settings = params.evaluate
    gate = params.promote.gate
    processes = Processes()
    records = played_in_shards(params) or processes.gather(
        play(params, processes.rank, processes.number)
    )
    if not processes.main:
        return
    notes = [cost_note(settings), *left_out(settings)]
    evidence = weigh(records, settings, gate.wrong_shown_limit, gate.confidence)
    show(wide_console(), evidence, settings, notes)
    sources = lineage([FACTS, EXAMPLES / "test.jsonl", EXAMPLES / "validation.jsonl"])
    write_outputs(evidence, settings, gate.wrong_shown_limit, notes, sources)
    write_records(RECORDS, records)
    log(params, evidence)
    shutil.rmtree(SHARDS, ignore_errors=True)


def log(params: EvaluateParams, evidence: Evidence) -> None:
    """Figures of every policy, the page and the plots, to MLflow."""
    with stage_run("evaluate", params) as run:
        for name, measures in evidence.measures.items():
            for part in MAIN:
                if part in measures:
                    prefix = f"{name}/{part.replace(' ', '_')}"
                    run.log(
                        {
                            f"{prefix}/{key}": float(value)
                            for key, value in measures[part].flat().items()
                            if isinstance(value, int | float)
                        }
                    )
        for path in (PAGE, SUMMARY, *sorted(FOLDER.iterdir())):
            run.attach(path)


def show(
    console: Console, evidence: Evidence, settings: EvaluateSettings, notes: Sequence[str]
) -> None:
    """Print completions in full, then the tables, then the one sentence that matters."""
    trained = [row for row in evidence.records[TRAINED] if row.split == TEST]
    for record in spread(trained, settings.completions):
        console.print(completion_text(record), markup=False, highlight=False, soft_wrap=True)
        console.print()
    slices = telling_slices(evidence, settings)
    console.print(rich_table("Base against trained", SLICE_COLUMNS, slice_rows(evidence, slices)))
    console.print(_left_out(evidence, slices), highlight=False)
    console.print(rich_table("Policies", POLICY_COLUMNS, policy_rows(evidence, ALL)))
    for note in notes:
        console.print(note, markup=False, highlight=False)
    console.print(headline(evidence), style="bold", highlight=False)


def write_outputs(
    evidence: Evidence,
    settings: EvaluateSettings,
    wrong_limit: float,
    notes: Sequence[str],
    sources: Mapping[str, str],
) -> None:
    """The page, the figures as JSON, the table for Prefect, and what DVC plots."""
    write_text(PAGE, report(evidence, settings, wrong_limit, notes, sources))
    write_bytes(SUMMARY, orjson.dumps(summary(evidence), option=orjson.OPT_INDENT_2) + b"\n")
    with replacing_directory(FOLDER) as folder:
        _write_folder(folder, evidence, settings)


def _write_folder(folder: Path, evidence: Evidence, settings: EvaluateSettings) -> None:
    names = telling_slices(evidence, settings)
    parts = [
        "## Evaluation",
        headline(evidence),
        markdown_table(POLICY_COLUMNS, policy_rows(evidence, ALL)),
        cost_note(settings),
        markdown_table(SLICE_COLUMNS, slice_rows(evidence, names)),
        _left_out(evidence, names),
    ]
    (folder / "table.md").write_text("\n\n".join(parts) + "\n")
    slices = [
        {"slice": name, "policy": policy, "right": row.accuracy.value, "examples": row.examples}
        for policy, measures in evidence.measures.items()
        for name, row in measures.items()
    ]
    (folder / "slices.csv").write_text(_csv(slices))
    curves = [
        {"policy": name, "shown": point.coverage, "wrong": point.risk}
        for name, records in evidence.records.items()
        for point in risk_coverage(_test(records), settings.uncertainty.confidence)
    ]
    (folder / "risk_coverage.csv").write_text(_csv(curves))
    plot_slices(evidence, folder / "slices.png")


def _left_out(evidence: Evidence, shown: Sequence[str]) -> str:
    more = len(evidence.comparisons[TRAINED]) - len(shown)
    return f"{more} more slices are in {PAGE}."


def _test(records: Sequence[Record]) -> list[Record]:
    return [row for row in records if row.split == TEST]


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    run_stage("evaluate", EvaluateParams, main)
