"""The DAG lists what its stages run, and imports run one way."""

import re

import pytest
import yaml

from tasks.params import SECTIONS
from tests.pipeline.sources import ROOT, imported_modules, reached_from

LAYERS = (
    "filings",
    "quality",
    "examples",
    "environments",
    "rewards",
    "policy",
    "training",
    "evaluation",
    "serving",
)
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def run_by(stage):
    """The files that the command of `stage` runs and all that they import."""
    first = {f"tasks/{stage}.py", STAGES[stage]["cmd"].split()[2].replace(".", "/") + ".py"}
    return {file for name in first for file in reached_from(ROOT / name)}


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_a_stage_imports_is_in_its_deps(stage):
    deps = [ROOT / dep for dep in STAGES[stage]["deps"]]
    missing = [
        str(file.relative_to(ROOT))
        for file in sorted(run_by(stage))
        if not any(file == dep or dep in file.parents for dep in deps)
    ]
    assert missing == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_code_that_it_does_not_import(stage):
    reached = run_by(stage)
    idle = [
        dep
        for dep in STAGES[stage]["deps"]
        if dep.startswith(("ledgerline", "tasks"))
        and not any((ROOT / dep) == file or (ROOT / dep) in file.parents for file in reached)
    ]
    assert idle == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_every_section_of_params_that_it_reads(stage):
    text = "".join(
        file.read_text() for file in sorted(run_by(stage)) if file.parent.name == "tasks"
    )
    read = {section for section in SECTIONS if re.search(rf"\bparams\.{section}_?\b", text)}
    assert read <= set(STAGES[stage]["params"])


def test_imports_run_one_way():
    wrong = []
    for file in sorted((ROOT / "ledgerline").rglob("*.py")):
        place = file.relative_to(ROOT / "ledgerline").parts
        if place[0] not in LAYERS:
            continue
        for other in imported_modules(file):
            if ROOT / "ledgerline" not in other.parents:
                wrong.append(f"{file.relative_to(ROOT)} imports {other.relative_to(ROOT)}")
                continue
            layer = other.relative_to(ROOT / "ledgerline").parts[0]
            if layer in LAYERS and LAYERS.index(layer) > LAYERS.index(place[0]):
                wrong.append(f"{file.relative_to(ROOT)} imports {layer}")
    assert wrong == []


def test_stages_start_no_flow():
    flows = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "tasks").glob("*.py")
        for other in imported_modules(file)
        if other.is_relative_to(ROOT / "flows")
    ]
    assert flows == []


def test_no_module_is_a_hallway():
    hallways = {"utils", "helpers", "common", "manager", "misc"}
    named = [
        str(path.relative_to(ROOT))
        for folder in ("ledgerline", "tasks", "flows")
        for path in (ROOT / folder).rglob("*.py")
        if path.stem in hallways
    ]
    assert named == []
