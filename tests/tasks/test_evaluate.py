"""Stage `evaluate` run as a process, on policies of random weights."""

import csv
import json
from pathlib import Path

from ledgerline.evaluation.records import read_records
from tests.tasks.conftest import Evaluated
from tests.tasks.project import run_stage


def test_it_prints_the_table_and_ten_completions_and_writes_all_outputs(
    evaluated: Evaluated,
) -> None:
    said = evaluated.run.stdout
    assert evaluated.run.returncode == 0, evaluated.run.stderr
    for part in ("Base against trained", "McNemar", "new everything", "No prompted model"):
        assert part in said
    for part in ("prompt ", "completion ", "expected ", "accession "):
        assert said.count(part) >= 10
    folder = evaluated.folder
    records = read_records(folder / "data" / "evaluation" / "records.jsonl")
    assert {row.policy for row in records} == {"base", "trained", "rule"}
    assert sum(row.split == "test" for row in records) == 3 * 40
    summary = json.loads((folder / "reports" / "evaluate.json").read_text())
    assert summary["policies"]["trained"]["all"]["examples"] == 40
    assert summary["policies"]["rule"]["all"]["accuracy"] > 0.5
    assert summary["policies"]["trained"]["all"]["seconds_p95"] > 0
    assert "<svg" in (folder / "reports" / "evaluation.html").read_text()
    plots = folder / "reports" / "evaluation"
    assert (plots / "slices.png").read_bytes().startswith(b"\x89PNG")
    assert "| trained |" in (plots / "table.md").read_text()
    with (plots / "risk_coverage.csv").open() as file:
        assert {row["policy"] for row in csv.DictReader(file)} >= {"rule"}


def test_the_same_policies_give_the_same_records(evaluated: Evaluated, project: Path) -> None:
    path = Path("data", "evaluation", "records.jsonl")
    (project / path).unlink()
    assert run_stage(project, "evaluate").returncode == 0

    def results(folder: Path) -> list[tuple[object, ...]]:
        return [
            (row.policy, row.example_id, row.answer, row.confidence, row.reward)
            for row in read_records(folder / path)
        ]

    assert results(project) == results(evaluated.folder)


def test_a_missing_policy_is_one_clear_line_and_keeps_what_was_there(project: Path) -> None:
    before = (project / "reports" / "evaluate.json").read_bytes()
    (project / "models" / "policy" / "config.json").unlink()
    done = run_stage(project, "evaluate")
    assert done.returncode == 1
    assert "models/policy" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project / "reports" / "evaluate.json").read_bytes() == before
