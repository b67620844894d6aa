"""What becomes of the policy with other seeds or other choices, on the same examples.

    python -m bench.variants [NAME ...] [--jobs 2] [--set train.steps=14 ...]
        [--results bench/results/variants.json]

Each variant is params.yaml with some values changed, played from the first stage that it changes
to evaluation in a folder of its own. What came out joins the results file, and
the table of all results is printed. Run it where `make repro` has been. A variant takes as long
as these stages do. Side by side, `jobs` of them at a time share `policy.processes`: two in one
process each are done sooner than one after another. What is `set` is so in all of them: to
compare choices in less time than the whole practice takes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import orjson
import yaml
from rich.console import Console
from rich.table import Table

from ledgerline.durable import write_bytes
from tasks.side_by_side import SHARED

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "seed 2": {"warmup.seed": 2, "train.seed": 2},
    "seed 3": {"warmup.seed": 3, "train.seed": 3},
    "practice alone": {
        "train.beside.number": 0,
        "train.groups": 24,
        "train.optimizer.learning_rate": 1.0e-3,
        "train.steps": 75,
    },
    "demonstrations alone": {"train.least_spread": 100.0},  # no group differs by as much
    "uniform sampling": {"train.sampler.strategy": "uniform"},
    "sampling by 1 - success": {"train.sampler.strategy": "prioritised"},
    "refilled groups": {"train.refills": 2},
    "last weights, not their average": {"train.averaging": 0.0},
    "no coined names": {"synthesize.coined": {"looked_up": 0.0, "at_once": 0.0, "companies": 0.0}},
    "reward 1, -0.5, 0": {
        "rubric.weights": {
            "right_figure": 1.0,
            "wrong_figure": -0.5,
            "figure_not_due": -0.5,
            "no_answer": -0.5,
        }
    },
    "self-expansion": {"train.examples": "data/expanded/train.jsonl"},
    # The warm-up is named so that it is done again.
    "words begin at random": {"policy.scratch.likeness": 0.0, "warmup.seed": 1},
    "a lower rate": {"train.optimizer.learning_rate": 5.0e-3},
    "no slips demonstrated": {"warmup.demonstrations.slips": 0.0},
    "slips never after another document": {"warmup.demonstrations.misplaced": 0.0},
    "whole demonstrations": {"train.beside.first_turns": 0.0},
    "one update a step": {"train.beside.updates": 1, "train.beside.number": 1792},
    "LoRA": {"policy.adapter": {"rank": 16, "alpha": 32, "modules": "all-linear"}},
}
"""Name → values of params.yaml, by their dotted names."""
SLICE = "usual kinds"
_SURE = ("accuracy", "wrong_shown", "silence_recall")
_STAGES = ("synthesize", "warmup", "train", "evaluate")
_LEFT = {
    "synthesize": ("data/examples",),
    "warmup": ("models/base", "data/rollouts/difficulty.json", "reports/warmup.json"),
}
"""What a stage leaves for the later ones: taken over by a variant that changes nothing of it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(VARIANTS))
    parser.add_argument("--jobs", type=int, default=1, help="variants at a time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--results", type=Path, default=Path("bench/results/variants.json"))
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in VARIANTS]
    if arguments.jobs < 1:
        parser.error("--jobs is at least 1")
    if unknown:
        parser.error(f"no variant is called {unknown}; there are {list(VARIANTS)}")
    common = dict(one.split("=", 1) for one in arguments.set)
    common = {name: yaml.safe_load(value) for name, value in common.items()}
    results = orjson.loads(arguments.results.read_bytes()) if arguments.results.is_file() else {}
    failed = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        running = {
            pool.submit(outcome, common, VARIANTS[name], arguments.jobs): name
            for name in arguments.names or VARIANTS
        }
        for done in as_completed(running):
            if done.exception() is not None:
                failed.append(f"{running[done]} failed: {done.exception()}")
                continue
            results[running[done]] = done.result()
            rows = {name: results[name] for name in VARIANTS if name in results}
            write_bytes(arguments.results, orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")
    Console().print(table(results))
    if failed:
        sys.exit("\n".join(failed))


def outcome(
    common: dict[str, Any], changes: dict[str, Any], jobs: int
) -> dict[str, dict[str, float]]:
    """Policy → measure → value on new examples of usual kinds, with `changes` to params.yaml after
    those `common` to all, as one of `jobs` that run at the same time.
    """
    here = Path.cwd()
    changes = common | changes
    changed_sections = {name.split(".")[0] for name in changes}
    first = next((s for s in ("synthesize", "warmup") if s in changed_sections), "train")
    stages = list(_STAGES[_STAGES.index(first) :])
    if "train.examples" in changes:
        stages.insert(stages.index("train"), "expand")
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    taken = [path for stage, paths in _LEFT.items() if stage not in stages for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        params = changed(yaml.safe_load((here / "params.yaml").read_text()), changes)
        params["policy"]["processes"] = max(1, params["policy"]["processes"] // jobs)
        (place / "params.yaml").write_text(yaml.safe_dump(params))
        for path in ("data/clean", *taken):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).symlink_to(here / path)
        for stage in stages:
            module = ["tasks.side_by_side", stage] if stage in SHARED else [f"tasks.{stage}"]
            subprocess.run(
                [sys.executable, "-m", *module],
                cwd=place,
                env=os.environ | {"PYTHONPATH": str(here), "OMP_NUM_THREADS": threads},
                check=True,
            )
        report = orjson.loads((place / "reports/evaluate.json").read_bytes())
    policies = report["policies"]
    return {
        "base": policies["base"][SLICE],
        "trained": policies["trained"][SLICE],
        "sure": policies["trained"]["sure"],
    }


def changed(params: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`params` with the values at the dotted names of `changes`, which must be there."""
    for name, value in changes.items():
        *path, last = name.split(".")
        section = params
        for key in path:
            section = section[key]
        if last not in section:
            raise KeyError(name)
        section[last] = value
    return params


def table(results: dict[str, dict[str, dict[str, float]]]) -> Table:
    """A row for each variant: accuracy of base and trained, and what is shown wrongly; the same if
    only answers are shown from the confidence `evaluate.sure_from` on.
    """
    shown = Table(
        "variant", "base", "trained", "95 %", "wrong of shown", "silence where none is due",
        "sure ones alone: trained", "wrong of shown", "silence where none is due",
        title="Usual kinds; company, period, metric and phrasing are new",
    )  # fmt: skip
    for name in (one for one in VARIANTS if one in results):
        base, trained = results[name]["base"], results[name]["trained"]
        sure = results[name]["sure"]
        shown.add_row(
            name,
            f"{base['accuracy']:.1%}",
            f"{trained['accuracy']:.1%}",
            f"{trained['accuracy_low']:.1%} to {trained['accuracy_high']:.1%}",
            f"{trained['wrong_shown']:.1%}",
            f"{trained['silence_recall']:.1%}",
            *(f"{sure[key]:.1%}" for key in _SURE),
        )
    return shown


if __name__ == "__main__":
    main()
