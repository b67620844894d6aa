"""A project folder in which the stages `evaluate` and `promote` can be run for real."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from ledgerline.examples.jsonl import write_jsonl
from ledgerline.filings.store import Store
from tasks.params import load_params
from tasks.warmup import WarmupParams, scratch_policy
from tests.evaluation.world import make_corpus, make_store

REPOSITORY = Path(__file__).resolve().parents[2]


def make_project(folder: Path) -> Path:
    """Facts, examples, params, and two policies of random weights that differ."""
    (folder / "data" / "clean").mkdir(parents=True)
    facts = make_store(folder / "data" / "clean" / "facts.sqlite")
    with Store.open(facts, read_only=True) as store:
        _, corpus = make_corpus(store)
    for name, examples in corpus.splits().items():
        write_jsonl(folder / "data" / "examples" / f"{name}.jsonl", examples)
    write_params(folder)
    params = load_params(folder / "params.yaml", WarmupParams)
    for name, seed in (("base", 1), ("policy", 2)):
        warmup = params.warmup.model_copy(update={"seed": seed})
        policy = scratch_policy(params.model_copy(update={"warmup": warmup}), corpus.train)
        policy.save(folder / "models" / name)
    return folder


def write_params(folder: Path, **promote: Any) -> None:
    """The repository's own params.yaml, with less to do."""
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["limits"] |= {"tokens": 140, "turn_tokens": 70}
    params["policy"]["scratch"] |= {
        "vocabulary": 400,
        "pieces": 300,
        "width": 32,
        "layers": 1,
        "feed_forward": 64,
        "copying": False,
    }
    params["policy"]["processes"] = 1
    params["evaluate"] |= {
        "test": 40,
        "validation": 20,
        "suite": 5,
        "timed": 3,
        "slice_examples": 5,
        "engine": {"rows": 32, "positions": 512, "dtype": "float32"},
    }
    params["promote"]["gate"] |= {"pairs": 20, **promote}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def run_stage(folder: Path, stage: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m tasks.STAGE` in the project."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")},
        "PYTHONPATH": str(REPOSITORY),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "240",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", f"tasks.{stage}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
