"""What prefect.yaml, compose.yaml and the job templates name is there."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.bootstrap import FLOWS, POOL
from tests.flows.conftest import REPOSITORY

DEPLOYMENTS = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]


def flow_names(path: Path) -> dict[str, str]:
    """Function → name of each flow in a file."""
    return {
        node.name: keyword.value.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "flow"
        for keyword in decorator.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    }


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_a_deployment_runs_a_flow_that_the_automations_watch(deployment: dict[str, Any]) -> None:
    file, function = deployment["entrypoint"].split(":")
    assert flow_names(REPOSITORY / file)[function] in FLOWS
    assert deployment["work_pool"]["name"] == POOL
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


def test_compose_leans_on_nothing_that_is_missing() -> None:
    compose = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= services.keys(), name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (REPOSITORY / source).exists(), mount
            else:
                assert source in compose["volumes"], mount
        for module in re.findall(r"python -m ([\w.]+)", str(service.get("command", ""))):
            if module.startswith("flows."):
                assert (REPOSITORY / f"{module.replace('.', '/')}.py").is_file()
    assert (REPOSITORY / services["worker"]["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_a_job_template_fills_every_placeholder_and_uses_every_variable(kind: str) -> None:
    text = (REPOSITORY / "deploy" / f"{kind}-job-template.json").read_text()
    template = json.loads(text)
    used = set(re.findall(r"{{ (\w+) }}", json.dumps(template["job_configuration"])))
    variables = template["variables"]
    assert used == set(variables["properties"])
    assert set(variables["required"]) <= used
