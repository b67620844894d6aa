"""The facts that versions were evaluated on, stored once however many versions share them."""

import gzip
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mlflow.artifacts import download_artifacts

from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.manifest import file_digest
from ledgerline.evaluation.registry import Registry, Version

TAG = "data_sha256"


def keep_data(registry: Registry, version: Version, path: Path) -> str:
    """Store a data file, unless it is there, and tag the version with its SHA-256, returned."""
    digest = file_digest(path)
    client = registry.client
    if _run_of(registry, digest) is None:
        experiment = client.get_experiment_by_name(registry.experiment)
        run = client.create_run(experiment.experiment_id, run_name=f"data {path.name}")
        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder, f"{path.name}.gz")
            with path.open("rb") as source, gzip.open(packed, "wb", 1) as target:
                shutil.copyfileobj(source, target)
            client.log_artifact(run.info.run_id, str(packed), "data")
        # The tag comes last: a run that has it holds the whole file.
        client.set_tag(run.info.run_id, TAG, digest)
        client.set_terminated(run.info.run_id)
    client.set_model_version_tag(registry.name, str(version.number), TAG, digest)
    return digest


def fetch_data(registry: Registry, version: Version, path: Path) -> None:
    """Write to `path` the data file that `version` was evaluated on, verified.

    Raises LedgerlineError when the version came without one, and when it was changed.
    """
    digest = version.tags.get(TAG, "")
    run = _run_of(registry, digest) if digest else None
    if run is None:
        raise LedgerlineError(
            f"{registry.name} version {version.number} came without its facts; set "
            "promote.keep_data in params.yaml for versions to come"
        )
    with tempfile.TemporaryDirectory() as folder:
        found = download_artifacts(
            artifact_uri=f"{run.info.artifact_uri}/data",
            dst_path=folder,
            tracking_uri=registry.uri,
        )
        (packed,) = Path(found).glob("*.gz")
        with gzip.open(packed, "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
    if file_digest(path) != digest:
        raise LedgerlineError(f"the stored facts of version {version.number} were changed")


def _run_of(registry: Registry, digest: str) -> Any:
    experiment = registry.client.get_experiment_by_name(registry.experiment)
    found = registry.client.search_runs(
        [experiment.experiment_id], f"tags.{TAG} = '{digest}'", max_results=1
    )
    return found[0] if found else None
