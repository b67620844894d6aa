"""A project whose `evaluate` stage has run, for the stages' tests."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tasks.project import make_project, run_stage


@dataclass(frozen=True)
class Evaluated:
    """The project's folder and what the stage said."""

    folder: Path
    run: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    folder = make_project(tmp_path_factory.mktemp("evaluated"))
    return Evaluated(folder, run_stage(folder, "evaluate"))


@pytest.fixture
def project(evaluated: Evaluated, tmp_path: Path) -> Path:
    """A copy of the evaluated project, to do with as a test likes."""
    folder = tmp_path / "project"
    shutil.copytree(evaluated.folder, folder)
    return folder
