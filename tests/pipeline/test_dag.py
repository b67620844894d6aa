"""The DAG itself: it runs to the end, then does nothing, and says what is wrong."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tasks.profile import lay_out
from tests.pipeline.project import SMALL, kill_when, outputs, run, start
from tests.pipeline.sources import ROOT

pytestmark = pytest.mark.slow


def stage(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "python", "-m", f"tasks.{name}")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    lay_out(ROOT, SMALL, folder)
    done = run(folder, "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_whole_pipeline_ends_with_a_registered_model(project):
    promoted = json.loads((project / "reports/promote.json").read_text())
    assert promoted["version"] == 1
    assert promoted["alias"] in ("champion", "challenger")
    for name in ("ingest", "validate", "synthesize", "warmup", "audit", "train", "evaluate"):
        assert json.loads((project / f"reports/{name}.json").read_text())
    for page in ("data_docs/index.html", "data_quality.html", "audit.html", "evaluation.html"):
        assert "<html" in (project / "reports" / page).read_text()[:500]


def test_a_second_run_does_nothing(project):
    again = run(project, "dvc", "repro")
    assert again.returncode == 0
    assert "Running stage" not in again.stdout
    assert "Data and pipelines are up to date" in again.stdout


@pytest.mark.parametrize(
    ("section", "key", "name"),
    [("ingest", "sourcess", "ingest"), ("warmup", "stepz", "warmup"), ("train", "lr", "train")],
)
def test_a_misspelt_key_is_named(project, section, key, name):
    kept = (project / "params.yaml").read_text()
    params = yaml.safe_load(kept)
    params[section][key] = 1
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    try:
        failed = stage(project, name)
    finally:
        (project / "params.yaml").write_text(kept)
    assert failed.returncode == 1
    assert f"{section}.{key}: no such key" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_misspelt_section_is_named(project):
    kept = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(kept + "\ningset: {}\n")
    try:
        failed = stage(project, "ingest")
    finally:
        (project / "params.yaml").write_text(kept)
    assert failed.returncode == 1
    assert "ingset: no such section" in failed.stderr


def test_bad_input_is_one_clear_message_and_nothing_from_before_is_lost(project):
    before = outputs(project)
    kept = (project / "params.yaml").read_text()
    params = yaml.safe_load(kept)
    (project / "filings").mkdir()
    (project / "filings" / "CIK0000000009.json").write_text('{"cik": 9, "entityName": "Cut o')
    params["ingest"]["sources"] = [{"kind": "files", "folder": "filings"}]
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    try:
        failed = run(project, "dvc", "repro")
    finally:
        (project / "params.yaml").write_text(kept)
    assert failed.returncode != 0
    said = [line for line in failed.stderr.splitlines() if line.startswith("ingest:")]
    assert len(said) == 1
    assert "CIK0000000009.json" in said[0]
    assert "Traceback" not in failed.stderr
    assert outputs(project) == before
    again = run(project, "dvc", "repro")
    assert "Running stage" not in again.stdout
    assert "Data and pipelines are up to date" in again.stdout


def test_killing_a_stage_keeps_what_was_there(project):
    before = outputs(project)
    repro = start(project, "dvc", "repro", "--force", "--single-item", "ingest")
    kill_when(repro, lambda: any((project / "data" / "raw").glob(".facts.sqlite.*.tmp/*")))
    assert outputs(project) == before
    again = run(project, "dvc", "repro")
    assert "Data and pipelines are up to date" in again.stdout, again.stdout + again.stderr
