"""*Weekly improve* for real: Prefect, MLflow on Postgres, a schedule, a worker that is killed."""

import json
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
import yaml
from mlflow import MlflowClient

from flows.bootstrap import bootstrap
from tasks.profile import lay_out
from tests.filings.postgres import server as postgres_server
from tests.flows.conftest import REPOSITORY, Server, prefect_server, until
from tests.flows.worker import deploy, kill, serving, start_worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]
SMALL = REPOSITORY / "tests" / "pipeline" / "small.yaml"
STEPS = 12


@pytest.fixture
def databases() -> Iterator[str]:
    """A Postgres with databases "prefect" and "mlflow"; its URL as psycopg's driver takes it."""
    # A folder that the user postgres may enter, which pytest's own are not.
    with (
        tempfile.TemporaryDirectory(prefix="ledgerline-postgres-") as folder,
        postgres_server(Path(folder)) as url,
    ):
        plain = url.replace("+psycopg", "")
        with psycopg.connect(f"{plain}/postgres", autocommit=True) as connection:
            for name in ("prefect", "mlflow"):
                connection.execute(f"CREATE DATABASE {name}")
        yield url


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The whole pipeline, small, with a training long enough to be killed in."""
    params = yaml.safe_load(SMALL.read_text())
    params["train"]["steps"] = STEPS
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(params))
    lay_out(REPOSITORY, tmp_path / "small.yaml", tmp_path / "project")
    return tmp_path / "project"


def test_it_runs_on_schedule_survives_a_kill_and_ends_with_a_decision(
    databases: str, project: Path, tmp_path: Path
) -> None:
    mlflow = f"{databases}/mlflow"
    (tmp_path / "prefect").mkdir()
    with prefect_server(
        tmp_path / "prefect",
        PREFECT_API_DATABASE_CONNECTION_URL=f"{databases.replace('psycopg', 'asyncpg')}/prefect",
        MLFLOW_TRACKING_URI=mlflow,
    ) as server:
        bootstrap(server.url, gpus=1)
        worker = start_worker(server, project)
        try:
            deploy(server, project, schedules={"weekly-improve": soon()})
            checkpoints = project / "models" / "checkpoints"
            until(lambda: any(checkpoints.glob("*/step-*")), 3000, "training did not begin")
        finally:
            kill(worker)
        (first,) = (run for run in server.flow_runs() if run["state_type"] == "RUNNING")
        assert "auto-scheduled" in first["tags"]
        assert not (project / "reports" / "promote.json").exists()

        with serving(server, project):
            until(lambda: is_over(server, first["id"]), 900, "the run was not declared crashed")
            crashed = server.get(f"/flow_runs/{first['id']}")
            assert crashed["state_type"] == "CRASHED"
            second = until(lambda: newer(server, first), 600, "no run took its place")
            until(lambda: is_over(server, second), 3000, "the second run did not end")
        assert server.get(f"/flow_runs/{second}")["state_type"] == "COMPLETED"
        log = server.logged(second)
        trained = [int(step) for step in re.findall(r"step +(\d+)/\d+ +reward", log)]
        assert trained[0] > 1, "training began anew instead of going on"
        assert trained[-1] == STEPS
        artifacts = server.artifacts(second)
        assert {"result", "data-quality", "data-docs", "evaluation-report"} <= artifacts.keys()
        tasks = server.task_runs(second)
        assert list(tasks)[-1] == "promote"
        assert {task["state_type"] for task in tasks.values()} == {"COMPLETED"}

    decided = json.loads((project / "reports" / "promote.json").read_text())
    assert decided["alias"] in ("champion", "challenger")
    client = MlflowClient(tracking_uri=mlflow, registry_uri=mlflow)
    version = client.get_model_version("ledgerline", str(decided["version"]))
    assert version.tags["prefect_flow_run"] == second
    experiment = client.get_experiment_by_name("ledgerline").experiment_id
    (kept,) = client.search_runs(
        [experiment], f"tags.stage = 'pipeline' and tags.prefect_flow_run = '{second}'"
    )
    assert kept.data.tags["dvc_lock_sha256"]


def soon() -> str:
    """A cron line for a few minutes from now, time to deploy, where the deployment's clock is."""
    at = datetime.now(UTC).astimezone(ZoneInfo("America/New_York")) + timedelta(minutes=4)
    return f"{at.minute} {at.hour} {at.day} {at.month} *"


def is_over(server: Server, run: str) -> bool:
    state = server.get(f"/flow_runs/{run}")["state_type"]
    return state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def newer(server: Server, first: dict[str, str]) -> str | None:
    """Id of the run of the same deployment that was created to take the place of `first`."""
    chosen = {"deployment_id": {"any_": [first["deployment_id"]]}}
    runs = server.post("/flow_runs/filter", flow_runs=chosen)
    started = [
        run["id"] for run in runs if run["id"] != first["id"] and run["state_type"] != "SCHEDULED"
    ]
    return started[0] if started else None
