"""MLflow, as the stages use it: one run a stage, found by its tags."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ledgerline.durable import replacing_file
from ledgerline.errors import LedgerlineError
from tasks.params import Params

_SQLITE = "sqlite:///"
DEFAULT_URI = f"{_SQLITE}mlflow.db"
EXPERIMENT = "ledgerline"


class StageRun:
    """An open MLflow run. Metrics are sent in batches: a step must not wait for a database."""

    def __init__(self, run_id: str):
        self.run_id = run_id
        self._pending: list[tuple[str, float, int]] = []

    def log(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Record named numbers at `step`."""
        self._pending += [(name, value, step) for name, value in metrics.items()]
        if len(self._pending) >= 500:
            self.flush()

    def flush(self) -> None:
        """Send what is pending."""
        from mlflow import MlflowClient
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in self._pending]
        client = MlflowClient()
        for start in range(0, len(metrics), 1000):
            client.log_batch(self.run_id, metrics=metrics[start : start + 1000])
        self._pending = []

    def tag(self, tags: Mapping[str, str]) -> None:
        """Say where the run comes from."""
        import mlflow

        mlflow.set_tags(dict(tags))

    def attach(self, path: Path, folder: str | None = None) -> None:
        """Keep a file with the run."""
        import mlflow

        mlflow.log_artifact(str(path), folder)


@contextmanager
def stage_run(stage: str, params: Params) -> Iterator[StageRun]:
    """An MLflow run for `stage`, with its section of params and what it was started by."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    try:
        _make_database(uri)
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(EXPERIMENT)
    except MlflowException as error:
        raise LedgerlineError(f"MLflow at {uri} can't be used: {error}") from None
    section = params.model_dump(by_alias=True, mode="json").get(stage, {})
    with mlflow.start_run(run_name=stage) as run:
        mlflow.set_tags({"stage": stage, **_lineage_tags()})
        mlflow.log_params(_flat(section))
        open_run = StageRun(run.info.run_id)
        try:
            yield open_run
        finally:
            open_run.flush()


def _make_database(uri: str) -> None:
    """Make the file of a SQLite store aside, where there is none.

    MLflow's migrations are no transaction: whoever is killed amid them leaves a database that
    none goes on from.
    """
    from mlflow import MlflowClient

    name = uri.removeprefix(_SQLITE)
    if name == uri or Path(name).exists():
        return
    with replacing_file(Path(name)) as temporary:
        MlflowClient(f"{_SQLITE}{temporary}").search_experiments(max_results=1)


def _lineage_tags() -> dict[str, str]:
    names = {"prefect_flow_run": "PREFECT__FLOW_RUN_ID", "dvc_stage": "DVC_STAGE"}
    return {tag: os.environ[name] for tag, name in names.items() if name in os.environ}


def _flat(section: object, prefix: str = "") -> dict[str, str]:
    if not isinstance(section, dict):
        return {prefix.rstrip("."): str(section)[:500]}
    flat: dict[str, str] = {}
    for key, value in section.items():
        flat |= _flat(value, f"{prefix}{key}.")
    return flat
