"""The model registry: versions that are whole, one champion, and how it came to be.

Kept in MLflow. A version is created only after all its files are stored, so a version that
exists is whole. Who is champion is written twice: first as a numbered event of the
registered model (a write-ahead log), then as the alias that readers follow; `recover`
carries out an event whose alias a kill prevented. Writers hold `promotion_lock`.
"""

import fcntl
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.exceptions import MlflowException

from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.manifest import (
    build_manifest,
    manifest_digest,
    verify_manifest,
)

CHAMPION = "champion"
CHALLENGER = "challenger"
PROMOTED = "promoted"
ROLLED_BACK = "rolled back"
DIGEST = "manifest_sha256"
_EVENT = "event-"
_DECISION = "decision-"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""MLflow's error codes for what isn't there; the second is that of an alias."""
_LONGEST = 5000
"""Characters of a registered model's tag or a description that MLflow's tables have room for."""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of champion. `action` is "promoted" or "rolled back"; `at` is ISO 8601, UTC."""

    number: int
    action: str
    version: int
    previous: int | None
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Version:
    """A registered model version: its number, where its files lie, its tags."""

    number: int
    source: str
    run_id: str | None
    tags: Mapping[str, str]


@contextmanager
def promotion_lock(path: Path) -> Iterator[None]:
    """Let one promoter at a time work; waits for the other. The kernel frees it on a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Registry:
    """The registered model `name` behind `uri` (an MLflow tracking URI)."""

    def __init__(self, uri: str, name: str, experiment: str):
        self.uri = uri
        self.name = name
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self.experiment = experiment

    def prepare(self) -> None:
        """Create the registered model and the experiment where they are absent."""
        if self.client.get_experiment_by_name(self.experiment) is None:
            _unless_there(lambda: self.client.create_experiment(self.experiment))
        if not self.exists():
            _unless_there(lambda: self.client.create_registered_model(self.name))

    def exists(self) -> bool:
        """Whether the model has been registered at all."""
        try:
            self.client.get_registered_model(self.name)
        except MlflowException as error:
            self._need_absent(error)
            return False
        return True

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        found = self.client.search_model_versions(f"name='{self.name}'")
        return sorted((_version(row) for row in found), key=lambda version: version.number)

    def version(self, number: int) -> Version:
        """One version; LedgerlineError when there is none of that number."""
        try:
            return _version(self.client.get_model_version(self.name, str(number)))
        except MlflowException as error:
            self._need_absent(error)
            raise LedgerlineError(
                f"{self.name} has no version {number} in {self.uri}; "
                "`ledgerline champion history` lists them"
            ) from None

    def champion(self) -> Version | None:
        """The version that is served, or None before the first promotion.

        Raises LedgerlineError where the registry doesn't say.
        """
        try:
            return _version(self.client.get_model_version_by_alias(self.name, CHAMPION))
        except MlflowException as error:
            self._need_absent(error)
            return None

    def register(self, folder: Path, tags: Mapping[str, str], description: str) -> Version:
        """Store `folder` and make it a version; the same weights are registered once.

        The model's own files lie in `folder/policy`; whatever else it holds (card, params,
        dvc.lock) travels with it. Weights that are there already get the present tags and files.
        The description is cut to the lines that MLflow has room for. Raises LedgerlineError for
        pickled or missing weights.
        """
        manifest = build_manifest(folder / "policy")
        digest = manifest_digest(manifest)
        for version in reversed(self.versions()):
            if version.tags.get(DIGEST) == digest:
                return self._renew(version, folder, tags, description)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
        experiment = self.client.get_experiment_by_name(self.experiment)
        run = self.client.create_run(experiment.experiment_id, run_name="registration")
        self.client.log_artifacts(run.info.run_id, str(folder), "model")
        created = self.client.create_model_version(
            self.name,
            f"{run.info.artifact_uri}/model",
            run_id=run.info.run_id,
            tags={**tags, DIGEST: digest},
            description=_cut(description),
        )
        self.client.set_tag(run.info.run_id, "model_version", f"{self.name}/{created.version}")
        self.client.set_terminated(run.info.run_id)
        return self.version(int(created.version))

    def fetch(self, version: Version, folder: Path) -> Path:
        """Bring a version's files under `folder`, verified; returns where they lie."""
        path = Path(
            download_artifacts(
                artifact_uri=version.source, dst_path=str(folder), tracking_uri=self.uri
            )
        )
        manifest = json.loads((path / "manifest.json").read_text())
        if manifest_digest(manifest) != version.tags.get(DIGEST):
            raise LedgerlineError(
                f"the manifest of {self.name} version {version.number} was changed after it was "
                "registered; don't use it"
            )
        verify_manifest(path / "policy", manifest)
        return path

    def read_file(self, version: Version, name: str) -> bytes | None:
        """The content of one stored file of a version, or None when it has none such.

        Raises LedgerlineError for one that is stored and can't be read.
        """
        address = f"{version.source}/{name}"
        try:
            stored = list_artifacts(artifact_uri=address.rpartition("/")[0], tracking_uri=self.uri)
            if PurePosixPath(name).name not in {PurePosixPath(file.path).name for file in stored}:
                return None
            with tempfile.TemporaryDirectory() as folder:
                path = download_artifacts(
                    artifact_uri=address, dst_path=folder, tracking_uri=self.uri
                )
                return Path(path).read_bytes()
        except (MlflowException, OSError) as error:
            raise LedgerlineError(
                f"{name} of {self.name} version {version.number} can't be read from "
                f"{version.source}: {error}"
            ) from error

    def store_file(self, version: Version, path: Path, folder: str) -> None:
        """Add a file to a version's, beside the weights; it is no part of the manifest."""
        self.client.log_artifact(version.run_id, str(path), f"model/{folder}".rstrip("/"))

    def events(self) -> list[Event]:
        """Every change of champion, oldest first."""
        rows = self._kept(_EVENT).values()
        return sorted((Event(**row) for row in rows), key=lambda event: event.number)

    def crown(self, version: Version, action: str, reason: str) -> Event:
        """Make `version` the champion. Call with the lock held; doing it twice is doing it once."""
        events = self.events()
        previous = events[-1].version if events else None
        if previous == version.number:
            event = events[-1]
        else:
            number = len(events) + 1
            event = Event(number, action, version.number, previous, _now(), reason)
            self._keep(f"{_EVENT}{number:06d}", asdict(event))
        self._point(version.number)
        return event

    def recover(self) -> bool:
        """Carry out the last event if a kill kept its alias from being set; whether it had to.

        Call with the lock held.
        """
        events = self.events()
        champion = self.champion()
        if not events or (champion is not None and champion.number == events[-1].version):
            return False
        _LOGGER.warning("finishing an interrupted change of champion: %s", events[-1])
        self._point(events[-1].version)
        return True

    def challenge(self, version: Version) -> None:
        """Point the alias "challenger" at `version`."""
        self.client.set_registered_model_alias(self.name, CHALLENGER, str(version.number))

    def rollback(self, reason: str) -> Event:
        """Give the title back to the champion before the present one. Lock held.

        A rollback that a kill interrupted is finished, not done a second time.
        """
        events = self.events()
        interrupted = self.recover()
        if interrupted and events[-1].action == ROLLED_BACK:
            return events[-1]
        # What a rollback left behind is no way back, so walk down the titles that still stand.
        titles: list[int] = []
        for event in events:
            if event.action == ROLLED_BACK:
                titles.pop()
            else:
                titles.append(event.version)
        if len(titles) < 2:
            raise LedgerlineError(f"{self.name} has no earlier champion to go back to")
        return self.crown(self.version(titles[-2]), ROLLED_BACK, reason)

    def withdrawn(self) -> set[int]:
        """Versions that a person took the title from; the gate alone doesn't bring them back."""
        return {
            event.previous
            for event in self.events()
            if event.action == ROLLED_BACK and event.previous is not None
        }

    def decisions(self) -> dict[str, dict[str, Any]]:
        """Every decision of the gate, by its key."""
        return self._kept(_DECISION)

    def keep_decision(self, key: str, decision: Mapping[str, Any]) -> None:
        """Write a decision down under `key`."""
        self._keep(f"{_DECISION}{key}", decision)

    def _renew(
        self, version: Version, folder: Path, tags: Mapping[str, str], description: str
    ) -> Version:
        changed = {name: value for name, value in tags.items() if version.tags.get(name) != value}
        if not changed:
            return version
        for path in sorted(folder.iterdir()):
            if path.is_file():
                self.client.log_artifact(version.run_id, str(path), "model")
            elif path.name != "policy":
                self.client.log_artifacts(version.run_id, str(path), f"model/{path.name}")
        number = str(version.number)
        self.client.update_model_version(self.name, number, _cut(description))
        # The tags come last: a version that has them all has all the files.
        for name, value in changed.items():
            self.client.set_model_version_tag(self.name, number, name, value)
        return self.version(version.number)

    def _keep(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(dict(content))
        parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
        # The first part comes last: where it stands, the others do.
        for number, part in reversed(list(enumerate(parts))):
            key = f"{name}.{number}" if number else name
            self.client.set_registered_model_tag(self.name, key, part)

    def _kept(self, prefix: str) -> dict[str, dict[str, Any]]:
        """What `_keep` wrote, by the rest of the name."""
        tags = self.client.get_registered_model(self.name).tags
        found = {}
        for name in tags:
            if name.startswith(prefix) and "." not in name:
                more = takewhile(tags.__contains__, (f"{name}.{number}" for number in count(1)))
                text = tags[name] + "".join(tags[key] for key in more)
                # A kill may have left more parts than the next attempt needed.
                found[name.removeprefix(prefix)] = json.JSONDecoder().raw_decode(text)[0]
        return found

    def _need_absent(self, error: MlflowException) -> None:
        """Raise LedgerlineError unless `error` says that something isn't there."""
        if error.error_code not in _ABSENT:
            raise LedgerlineError(f"{self.name} in {self.uri} can't be read: {error}") from None

    def _point(self, number: int) -> None:
        self.client.set_registered_model_alias(self.name, CHAMPION, str(number))
        model = self.client.get_registered_model(self.name)
        if str(model.aliases.get(CHALLENGER)) == str(number):
            self.client.delete_registered_model_alias(self.name, CHALLENGER)


def _version(row: Any) -> Version:
    return Version(int(row.version), row.source, row.run_id, dict(row.tags))


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    lines, _, rest = text[:_LONGEST].rpartition("\n")
    return lines or rest


def _unless_there(create: Any) -> None:
    try:
        create()
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
