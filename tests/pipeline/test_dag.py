"""The DAG itself: it runs to the end, then does nothing, and says what is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tasks.profile import lay_out
from tests.pipeline.sources import ROOT

SMALL = Path(__file__).parent / "small.yaml"
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "COLUMNS": "200",
}
pytestmark = pytest.mark.slow


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


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
