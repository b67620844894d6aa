"""Playing the evaluation's examples: all of them at once, or a shard of them by itself.

`python -m tasks.play SHARD SHARDS` plays every SHARDS-th example from SHARD on (both count
from 0) and leaves the records in a folder named after all that they depend on; the stage
`evaluate` takes them from there once every shard is in it.
"""

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.evaluation.evaluate import BASE, RULE, TRAINED, EvaluateSettings, play_all
from ledgerline.evaluation.judging import Player
from ledgerline.evaluation.manifest import build_manifest, file_digest
from ledgerline.evaluation.playing import policy_player, script_player
from ledgerline.evaluation.promotion import PromoteSettings
from ledgerline.evaluation.prompted import is_available, prompted_player
from ledgerline.evaluation.records import Record, read_records, write_records
from ledgerline.evaluation.rule import Rule
from ledgerline.evaluation.slices import Slicer
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.examples.mentions import Mentions
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tasks.practice import PolicyParams
from tasks.rules import rubric
from tasks.stage import run_stage

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples")
MODELS = {BASE: Path("models/base"), TRAINED: Path("models/policy")}
SHARDS = Path("data/evaluation/shards")
CACHE = Path(".prompted")


class EvaluateParams(PolicyParams):
    """What playing, evaluating and promoting read of params.yaml."""

    evaluate: EvaluateSettings
    promote: PromoteSettings


def play(params: EvaluateParams, shard: int = 0, shards: int = 1) -> list[Record]:
    """Everybody's records on the examples of one shard; without one, on all."""
    settings = params.evaluate
    settings = settings.model_copy(update={"timed": math.ceil(settings.timed / shards)})
    with Store.open(FACTS, read_only=True) as store:
        search = Search(store)
        return play_all(
            choose_players(params, settings, store, search),
            read_jsonl(EXAMPLES / "validation.jsonl"),
            read_jsonl(EXAMPLES / "test.jsonl"),
            rubric(params),
            Slicer(search, settings.harder_kinds),
            settings,
            slice(shard, None, shards),
        )


def play_shard(params: EvaluateParams, shard: int, shards: int) -> Path:
    """Play a shard, unless that is done, and keep its records; returns where."""
    path = _place(params, shards) / f"{shard}.jsonl"
    if not path.is_file():
        write_records(path, play(params, shard, shards))
    return path


def played_in_shards(params: EvaluateParams) -> list[Record]:
    """The records of all shards for the present inputs; none where a shard is missing."""
    if not SHARDS.exists():
        return []
    for folder in sorted(_place(params, 1).parent.glob("of-*")):
        shards = int(folder.name.removeprefix("of-"))
        paths = [folder / f"{shard}.jsonl" for shard in range(shards)]
        if all(path.is_file() for path in paths):
            return [record for path in paths for record in read_records(path)]
    return []


def choose_players(
    params: EvaluateParams, settings: EvaluateSettings, store: Store, search: Search
) -> dict[str, Player]:
    """Who plays, by name."""

    def make() -> FilingsEnvironment:
        return FilingsEnvironment(search)

    players = {
        name: policy_player(
            folder,
            params.policy.attention,
            settings.engine,
            make,
            episode_fields,
            params.limits,
            settings.timed,
            settings.seed,
            settings.dollars_per_hour,
        )
        for name, folder in MODELS.items()
    }
    if settings.rule:
        rule = Rule(Mentions(store.companies(), search.catalogue))
        players[RULE] = script_player(
            lambda _: rule, make, episode_fields, params.limits, settings.dollars_per_hour
        )
    for prompted in settings.prompted:
        if is_available(prompted):
            players[prompted.name] = prompted_player(
                prompted, make, episode_fields, params.limits, CACHE
            )
    return players


def left_out(settings: EvaluateSettings) -> list[str]:
    """In words, who was left out and why."""
    if not settings.prompted:
        return ["No prompted model was asked: evaluate.prompted in params.yaml names none."]
    return [
        f"{prompted.name} was left out: {prompted.key} is not set."
        for prompted in settings.prompted
        if not is_available(prompted)
    ]


def _place(params: EvaluateParams, shards: int) -> Path:
    """Where shards lie that were played with these params, policies, examples and facts."""
    files = [FACTS, *(EXAMPLES / f"{split}.jsonl" for split in ("validation", "test"))]
    content: Mapping[str, object] = {
        "params": params.model_dump(mode="json", exclude={"promote"}),
        "policies": {name: build_manifest(folder) for name, folder in MODELS.items()},
        "files": {str(path): file_digest(path) for path in files},
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    return SHARDS / digest / f"of-{shards}"


if __name__ == "__main__":
    run_stage(
        "play",
        EvaluateParams,
        lambda params: print(play_shard(params, int(sys.argv[1]), int(sys.argv[2]))),
    )
