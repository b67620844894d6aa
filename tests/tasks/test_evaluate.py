"""Stage `evaluate` run as a process, on policies of random weights."""

import csv
import json
import shutil
from pathlib import Path

import mlflow
import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.records import read_records
from tasks import stage
from tasks.params import Params, load_params
from tasks.tracking import DEFAULT_URI, stage_run
from tests.tasks.conftest import Evaluated
from tests.tasks.project import REPOSITORY, run_stage


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


@pytest.mark.parametrize("rank", ["0", "1"])
def test_every_process_prints_its_error_as_it_is(
    rank: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def body(_: Params) -> None:
        raise LedgerlineError("no file at [old] or [/tmp/notes]")

    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(SystemExit):
        stage.run_stage("evaluate", Params, body)
    assert "evaluate: no file at [old] or [/tmp/notes]" in capsys.readouterr().err


def test_an_empty_address_of_mlflow_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    try:
        with stage_run("record", load_params(Path("params.yaml"), Params)):
            assert mlflow.get_tracking_uri() == DEFAULT_URI
    finally:
        mlflow.set_tracking_uri(before)


def test_a_missing_policy_is_one_clear_line_and_keeps_what_was_there(project: Path) -> None:
    before = (project / "reports" / "evaluate.json").read_bytes()
    (project / "models" / "policy" / "config.json").unlink()
    done = run_stage(project, "evaluate")
    assert done.returncode == 1
    assert "models/policy" in done.stderr
    assert "Traceback" not in done.stderr
    assert (project / "reports" / "evaluate.json").read_bytes() == before
