"""Putting one trained policy before the gate and writing down what came of it."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledgerline.evaluation.gate import Candidate, GateSettings, decide
from ledgerline.evaluation.records import SUITE, TEST, Record, read_records, write_records
from ledgerline.evaluation.registry import (
    CHALLENGER,
    CHAMPION,
    DIGEST,
    PROMOTED,
    Registry,
    Version,
    promotion_lock,
)
from ledgerline.evaluation.testset import rounds_spent, sketch
from ledgerline.settings import Settings

THRESHOLD = "threshold"
EVIDENCE = "evidence"
"""Tags of a version: the confidence it shows answers from; the folder of its own records."""


class PromoteSettings(Settings):
    """`model`: name in the registry. `experiment`: MLflow's experiment that holds its files.

    `keep_data`: store the facts once per hash beside the versions, so that a version alone can
    be evaluated again.
    """

    model: str
    experiment: str
    keep_data: bool
    gate: GateSettings


Replay = Callable[[Path], list[Record]]
"""Folder of a fetched model version → its records on the present test set."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A policy that wants to be champion.

    `folder` holds its weights under `policy/` and whatever travels with them. `base` is whom it
    must beat while there is no champion. `conditions` are what the records depend on, times
    included, beside the weights and the examples.
    """

    folder: Path
    tags: Mapping[str, str]
    card: str
    candidate: Candidate
    base: Candidate
    conditions: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Promotion:
    """What came of a submission: the version, the alias it holds now, and the decision."""

    version: Version
    alias: str
    incumbent: str
    decision: Mapping[str, Any]


def candidate_from(name: str, records: Sequence[Record], threshold: float | None) -> Candidate:
    """A candidate from one policy's records: test set and suites apart, the rest left out."""
    return Candidate(
        name,
        [record for record in records if record.split == TEST],
        threshold,
        [record for record in records if record.split == SUITE],
    )


def promote(
    registry: Registry,
    lock: Path,
    submission: Submission,
    settings: GateSettings,
    replay: Replay,
) -> Promotion:
    """Register the submission, decide, and move the aliases.

    Safe to repeat and to interrupt: the same weights are one version, the same evidence is one
    decision (and one spent round), and a change of champion that was begun is finished. A version
    takes over the threshold and the params of its last submission, the champion's too.
    """
    with promotion_lock(lock):
        registry.prepare()
        registry.recover()
        evidence = _evidence_name(submission)
        tags = {**submission.tags, EVIDENCE: evidence}
        version = registry.register(submission.folder, tags, submission.card)
        _keep_records(registry, version, evidence, submission.candidate)
        champion = registry.champion()
        if champion is not None and champion.number == version.number:
            return Promotion(version, CHAMPION, "itself", _last_decision(registry, version))
        incumbent = _incumbent(registry, champion, submission.base, evidence, replay)
        decision = _decide(registry, version, champion, submission, incumbent, settings)
        if decision["promote"] and version.number not in registry.withdrawn():
            registry.crown(version, PROMOTED, decision["reason"])
            alias = CHAMPION
        else:
            registry.challenge(version)
            alias = CHALLENGER
        return Promotion(version, alias, incumbent.name, decision)


def _incumbent(
    registry: Registry,
    champion: Version | None,
    base: Candidate,
    evidence: str,
    replay: Replay,
) -> Candidate:
    if champion is None:
        return base
    name = f"version {champion.number}"
    threshold = read_threshold(champion)
    with tempfile.TemporaryDirectory() as folder:
        stored = registry.read_file(champion, f"evidence/{evidence}/records.jsonl")
        if stored is not None:
            path = Path(folder, "records.jsonl")
            path.write_bytes(stored)
            return candidate_from(name, read_records(path), threshold)
        records = replay(registry.fetch(champion, Path(folder)))
        candidate = candidate_from(name, records, threshold)
        _keep_records(registry, champion, evidence, candidate)
        return candidate


def _decide(
    registry: Registry,
    version: Version,
    champion: Version | None,
    submission: Submission,
    incumbent: Candidate,
    settings: GateSettings,
) -> dict[str, Any]:
    key = _digest(
        [
            version.tags[DIGEST],
            champion.tags[DIGEST] if champion else "base",
            _results(submission.candidate),
            _results(incumbent),
            settings.model_dump(mode="json"),
        ]
    )
    decisions = registry.decisions()
    if key in decisions:
        return decisions[key]
    line = sketch(record.example_id for record in submission.candidate.records)
    spent = rounds_spent(line, (entry["test_set"] for entry in decisions.values()))
    decision = {
        **decide(submission.candidate, incumbent, spent, settings).as_json(),
        "version": version.number,
        "rounds_spent": spent,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "test_set": line,
    }
    registry.keep_decision(key, decision)
    return decision


def read_threshold(version: Version) -> float | None:
    """The confidence from which a version shows its answers; None when none was certified."""
    text = version.tags.get(THRESHOLD, "")
    return float(text) if text else None


def _last_decision(registry: Registry, version: Version) -> dict[str, Any]:
    own = [row for row in registry.decisions().values() if row["version"] == version.number]
    return max(own, key=lambda row: str(row["at"]), default={})


def _keep_records(
    registry: Registry, version: Version, evidence: str, candidate: Candidate
) -> None:
    folder = f"evidence/{evidence}"
    if registry.read_file(version, f"{folder}/records.jsonl") is not None:
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "records.jsonl")
        write_records(path, [*candidate.records, *candidate.suites])
        registry.store_file(version, path, folder)


def _evidence_name(submission: Submission) -> str:
    records = [*submission.candidate.records, *submission.candidate.suites]
    asked = sorted(record.example_id for record in records)
    return _digest([asked, submission.conditions])


def _results(candidate: Candidate) -> list[Any]:
    """What a decision rests on, without the times, which differ from run to run."""
    rows = sorted([*candidate.records, *candidate.suites], key=lambda row: row.example_id)
    return [candidate.threshold, [[row.example_id, row.right, row.shown] for row in rows]]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
