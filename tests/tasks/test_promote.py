"""Stage `promote` run as a process, against a registry of its own."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from safetensors import safe_open
from typer.testing import CliRunner

from ledgerline.cli import app
from ledgerline.evaluation.records import read_records
from tests.tasks.project import run_stage


def client(project: Path) -> MlflowClient:
    uri = f"sqlite:///{project}/mlflow.db"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_a_policy_that_is_no_better_becomes_challenger_with_all_that_belongs_to_it(
    project: Path,
) -> None:
    done = run_stage(project, "promote")
    assert done.returncode == 0, done.stderr
    assert "Promotion gate" in done.stdout
    summary = json.loads((project / "reports" / "promote.json").read_text())
    assert (summary["alias"], summary["incumbent"], summary["version"]) == ("challenger", "base", 1)
    assert not summary["promote"]
    version = client(project).get_model_version_by_alias("ledgerline", "challenger")
    for tag in ("manifest_sha256", "data_sha256", "sha256.data/examples/test.jsonl", "hardware"):
        assert version.tags[tag]
    assert "train 1, " in version.tags["seeds"]
    assert "seeds: `" in (Path(version.source) / "README.md").read_text()
    files = Path(version.source)
    assert "signature" in (files / "MLmodel").read_text()
    assert "## Results" in (files / "README.md").read_text()
    assert (files / "evaluation" / "test.jsonl").is_file()
    with safe_open(files / "policy" / "model.safetensors", "pt") as weights:
        assert len(list(weights.keys())) > 5
    assert not [path for path in files.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]

    # Once more: the same version, the same decision.
    assert run_stage(project, "promote").returncode == 0
    again = json.loads((project / "reports" / "promote.json").read_text())
    assert again == summary
    assert len(client(project).search_model_versions("name='ledgerline'")) == 1


def test_a_version_alone_is_enough_to_evaluate_it_again(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_stage(project, "promote").returncode == 0
    for name in ("data", "models", "reports", "params.yaml"):
        (project / name).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{project}/mlflow.db"
    done = CliRunner().invoke(app, ["reevaluate", "1", "--uri", uri])
    assert done.exception is None, done.output
    # 40 test examples and two suites of 5, as the stage played them.
    assert "the same result as stored, on all 50 examples" in done.stdout

    stored = read_records(tmp_path / "data" / "evaluation" / "records.jsonl")
    right = sum(row.right for row in stored if (row.policy, row.split) == ("trained", "test"))
    assert f"version 1: {right} of 40 test examples right" in done.stdout


def test_records_that_are_cut_off_are_named_and_nothing_is_registered(project: Path) -> None:
    path = project / "data" / "evaluation" / "records.jsonl"
    path.write_bytes(path.read_bytes()[:-100])
    done = run_stage(project, "promote")
    assert done.returncode == 1
    assert "records.jsonl, line" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "reports" / "promote.json").exists()


def test_pickled_weights_are_refused(project: Path) -> None:
    (project / "models" / "policy" / "training_args.bin").write_bytes(b"\x80\x04.")
    done = run_stage(project, "promote")
    assert done.returncode == 1
    assert "training_args.bin may hold pickled code" in " ".join(done.stderr.split())
