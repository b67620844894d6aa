"""Playing a registered version again, from nothing but what is stored with it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.evaluate import TRAINED, EvaluateSettings, play_all
from ledgerline.evaluation.kept_data import fetch_data
from ledgerline.evaluation.playing import policy_player
from ledgerline.evaluation.promotion import EVIDENCE
from ledgerline.evaluation.records import Record, read_records
from ledgerline.evaluation.registry import Registry
from ledgerline.evaluation.slices import Slicer
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.judge import JudgeSettings
from ledgerline.rewards.rubric import Rubric, RubricSettings
from ledgerline.settings import Settings


class Conditions(Settings):
    """What decides how an episode goes and is judged, beside the policy and the examples."""

    limits: Limits
    rubric: RubricSettings
    judge: JudgeSettings | None
    attention: str
    evaluate: EvaluateSettings


@dataclass(frozen=True, slots=True)
class Repeat:
    """A second evaluation beside the stored first: `differing` are ids of unlike results."""

    records: list[Record]
    compared: int
    differing: list[str]


def play_version(policy: Path, conditions: Conditions, facts: Path, examples: Path) -> list[Record]:
    """The records of the policy in the folder `policy` on the splits in `examples`."""
    settings = conditions.evaluate
    with Store.open(facts, read_only=True) as store:
        search = Search(store)
        player = policy_player(
            policy,
            conditions.attention,
            settings.engine,
            lambda: FilingsEnvironment(search),
            episode_fields,
            conditions.limits,
            settings.timed,
            settings.seed,
            settings.dollars_per_hour,
        )
        return play_all(
            {TRAINED: player},
            read_jsonl(examples / "validation.jsonl"),
            read_jsonl(examples / "test.jsonl"),
            Rubric.from_settings(conditions.rubric, conditions.judge),
            Slicer(search, settings.harder_kinds),
            settings,
        )


def reevaluate(registry: Registry, number: int) -> Repeat:
    """Fetch version `number`, verify it, play it again under its own params, and compare.

    Raises LedgerlineError when the version lacks its examples, params or facts, and for any
    file that isn't the one registered.
    """
    version = registry.version(number)
    with tempfile.TemporaryDirectory() as temporary:
        folder = registry.fetch(version, Path(temporary))
        examples = folder / "evaluation"
        facts = Path(temporary, "facts.sqlite")
        fetch_data(registry, version, facts)
        conditions = read_conditions(examples / "params.yaml")
        records = play_version(folder / "policy", conditions, facts, examples)
        earlier = _stored(folder, version.tags.get(EVIDENCE, "*"))
    return _compare(records, earlier)


def read_conditions(path: Path) -> Conditions:
    """The conditions in a version's params.yaml."""
    try:
        params: Any = yaml.safe_load(path.read_text())
        return Conditions.model_validate(
            {
                "limits": params["limits"],
                "rubric": params["rubric"],
                "judge": params.get("judge"),
                "attention": params["policy"]["attention"],
                "evaluate": params["evaluate"],
            }
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValidationError) as error:
        raise LedgerlineError(
            f"the params stored with this version can't be used ({error}); it was registered by "
            "another release of Ledgerline: check out the commit in its tag git_commit"
        ) from None


def _stored(folder: Path, evidence: str) -> list[Record]:
    """The evidence of that name that lies with the version; "*" is any."""
    found = sorted((folder / "evidence").glob(f"{evidence}/records.jsonl"))
    return [record for path in found for record in read_records(path)]


def _compare(records: Sequence[Record], earlier: Sequence[Record]) -> Repeat:
    before = {record.example_id: record for record in earlier}
    both = [(before[row.example_id], row) for row in records if row.example_id in before]
    differing = [
        new.example_id
        for old, new in both
        if (old.answer, old.outcome, old.right) != (new.answer, new.outcome, new.right)
    ]
    return Repeat(list(records), len(both), differing)
