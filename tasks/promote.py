"""Stage `promote`: register the trained policy and let the gate decide who is champion."""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.console import Console
from rich.markup import escape

from ledgerline.durable import write_bytes
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.card import model_card, write_mlmodel
from ledgerline.evaluation.evaluate import BASE, TRAINED, weigh
from ledgerline.evaluation.kept_data import keep_data
from ledgerline.evaluation.promotion import (
    THRESHOLD,
    Promotion,
    Submission,
    candidate_from,
    promote,
)
from ledgerline.evaluation.records import Record, read_records
from ledgerline.evaluation.reevaluate import Conditions, play_version
from ledgerline.evaluation.registry import Registry
from ledgerline.evaluation.tables import rich_table
from ledgerline.policy.policy import Policy
from tasks.evaluate import RECORDS
from tasks.lineage import LOCK, lineage
from tasks.play import EXAMPLES, FACTS, MODELS, EvaluateParams
from tasks.stage import PARAMS, run_stage, wide_console

SUMMARY = Path("reports/promote.json")
DEFAULT_URI = "sqlite:///mlflow.db"
LOCK_FILE = Path("mlflow.db.promotion.lock")
EXAMPLES_IN_VERSION = ("test.jsonl", "validation.jsonl")


def main(params: EvaluateParams) -> None:
    """Register, decide, move the aliases, and write down what came of it."""
    registry = open_registry(params)
    records = read_records(RECORDS)
    with tempfile.TemporaryDirectory() as temporary:
        submission = submit(params, records, Path(temporary))
        promotion = promote(
            registry,
            LOCK_FILE,
            submission,
            params.promote.gate,
            lambda folder: replay(folder, params),
        )
    if params.promote.keep_data:
        keep_data(registry, promotion.version, FACTS)
    show(wide_console(), registry, promotion)
    content = {
        "model": registry.name,
        "version": promotion.version.number,
        "alias": promotion.alias,
        "incumbent": promotion.incumbent,
        **{key: value for key, value in promotion.decision.items() if key != "test_set"},
    }
    write_bytes(SUMMARY, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def open_registry(params: EvaluateParams) -> Registry:
    """The registry behind MLFLOW_TRACKING_URI, by default the project's own SQLite."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    return Registry(uri, params.promote.model, params.promote.experiment)


def submit(params: EvaluateParams, records: Sequence[Record], folder: Path) -> Submission:
    """Gather in `folder` what a version holds: weights, card, examples, params, dvc.lock."""
    gate = params.promote.gate
    evidence = weigh(records, params.evaluate, gate.wrong_shown_limit, gate.confidence)
    for name in (BASE, TRAINED):
        if name not in evidence.records:
            raise LedgerlineError(f"{RECORDS} holds no records of {name}; run stage evaluate again")
    threshold = evidence.thresholds[TRAINED]
    data = [FACTS, *(EXAMPLES / name for name in EXAMPLES_IN_VERSION)]
    tags = lineage(data) | {THRESHOLD: "" if threshold is None else repr(threshold)}
    export_policy(MODELS[TRAINED], folder / "policy")
    for path in (*data[1:], LOCK, PARAMS):
        if path.is_file():
            (folder / "evaluation").mkdir(exist_ok=True)
            shutil.copy(path, folder / "evaluation")
    card = model_card(evidence, params.evaluate, tags, gate.wrong_shown_limit)
    (folder / "README.md").write_text(card)
    write_mlmodel(folder, tags)
    return Submission(
        folder,
        tags,
        card,
        candidate_from(TRAINED, evidence.records[TRAINED], threshold),
        candidate_from(BASE, evidence.records[BASE], evidence.thresholds[BASE]),
        {
            "limits": params.limits.model_dump(mode="json"),
            "attention": params.policy.attention,
            "engine": params.evaluate.engine.model_dump(mode="json"),
            "timed": params.evaluate.timed,
            "seed": params.evaluate.seed,
            "facts": tags.get(f"sha256.{FACTS}"),
            "hardware": tags["hardware"],
        },
    )


def export_policy(source: Path, target: Path) -> None:
    """Copy a policy so that it needs nothing beside it.

    An adapter whose base is a folder here is folded into it; one over a published base, which
    anybody can fetch again, stays an adapter.
    """
    adapter = source / "adapter_config.json"
    if not source.is_dir():
        raise LedgerlineError(f"no policy at {source}; run the train stage first")
    if adapter.is_file():
        base = Path(json.loads(adapter.read_text())["base_model_name_or_path"])
        if base.is_dir():
            policy = Policy.load(source)
            policy.merge_adapter()
            policy.save(target)
            return
    shutil.copytree(source, target)


def replay(version: Path, params: EvaluateParams) -> list[Record]:
    """The records of a fetched version on the present test set, with the present settings."""
    return play_version(
        version / "policy",
        Conditions(
            limits=params.limits,
            rubric=params.rubric,
            judge=params.judge,
            attention=params.policy.attention,
            evaluate=params.evaluate,
        ),
        FACTS,
        EXAMPLES,
    )


def show(console: Console, registry: Registry, promotion: Promotion) -> None:
    """Print the checks and the outcome."""
    rows = [
        [check["name"], check["verdict"], check["detail"]]
        for check in promotion.decision.get("checks", [])
    ]
    console.print(rich_table("Promotion gate", ["check", "verdict", "why"], rows))
    console.print(
        f"{escape(registry.name)} version {promotion.version.number} "
        f"against {promotion.incumbent}: "
        f"[bold]{promotion.alias}[/] ({promotion.decision.get('verdict', 'no decision')})",
        highlight=False,
    )


if __name__ == "__main__":
    run_stage("promote", EvaluateParams, main)
