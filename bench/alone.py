"""What guessing ahead is worth to an episode that is played alone, as an editor's is.

    python -m bench.alone [--policy models/policy] [--prompts 60]

Plays validation prompts one by one, each with and without guesses, and prints the time that an
episode takes: the median and the 95th percentile, in milliseconds. Run it where `make repro` has
been.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.engine import EmbeddedEngine
from ledgerline.policy.policy import Policy
from ledgerline.training.rollouts import roll_out
from tasks.params import load_params
from tasks.practice import GREEDY, filings_task
from tasks.rules import PracticeParams

AT_ONCE = {"one token a pass": 1, "with guesses": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", type=Path, default=Path("models/policy"))
    parser.add_argument("--prompts", type=int, default=60)
    arguments = parser.parse_args()
    items = read_jsonl(Path("data/examples/validation.jsonl"))[: arguments.prompts]
    torch.set_num_threads(1)
    policy = Policy.load(arguments.policy)
    seconds: dict[str, list[float]] = {name: [] for name in AT_ONCE}
    with Store.open(Path("data/clean/facts.sqlite"), read_only=True) as store:
        task = filings_task(load_params(Path("params.yaml"), PracticeParams), Search(store))
        players = {
            name: EmbeddedEngine(
                policy.plain, policy.codec.end_of_turn, 1, 1024, torch.float32, at_once
            )
            for name, at_once in AT_ONCE.items()
        }
        for item in items:
            for name, player in players.items():
                started = time.perf_counter()
                roll_out(player, policy.codec, task, [item], 1, GREEDY, torch.Generator())
                seconds[name].append(time.perf_counter() - started)
    table = Table("", "median ms", "95th percentile ms", title=f"{len(items)} episodes, one thread")
    for name, measured in seconds.items():
        middle, high = np.percentile(measured, [50, 95]) * 1000
        table.add_row(name, f"{middle:.0f}", f"{high:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
