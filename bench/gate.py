"""How often the promotion gate errs, beside the usual rule "promote if the score is higher".

`python -m bench.gate` simulates pairs of policies on resampled results and counts promotions:
of an identical policy, of one better by 5 points, of one that shows 3 % wrong figures.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from ledgerline.evaluation.gate import Candidate, GateSettings, decide
from ledgerline.evaluation.records import Record

DISCORDANT = 0.15
"""Share of examples on which two policies of like skill differ."""


@dataclass(frozen=True)
class Case:
    """A way in which the candidate differs from the incumbent."""

    name: str
    gain: float
    wrong: float
    rounds: int


CASES = (
    Case("identical, first of 1 round", 0.0, 0.002, 1),
    Case("identical, one of 10 rounds", 0.0, 0.002, 10),
    Case("5 points better, one of 10 rounds", 0.05, 0.002, 10),
    Case("12 points better, 3 % wrong figures", 0.12, 0.03, 10),
)


def draw(case: Case, pairs: int, seed: int) -> tuple[list[Record], list[Record]]:
    """Records of candidate and incumbent on the same `pairs` examples of 100 companies."""
    generator = np.random.default_rng(seed)
    kind = generator.random(pairs)
    gained = kind < DISCORDANT / 2 + case.gain / 2
    lost = ~gained & (kind < DISCORDANT)
    both = (kind >= DISCORDANT) & (kind < 0.9)
    spoilt = generator.random(pairs) < case.wrong
    new = [
        _record("new", i, bool(r and not w), bool(w))
        for i, (r, w) in enumerate(zip(gained | both, spoilt, strict=True))
    ]
    old = [_record("old", i, bool(r), False) for i, r in enumerate(lost | both)]
    return new, old


def _record(policy: str, index: int, right: bool, wrong: bool) -> Record:
    shown = right or wrong
    return Record(
        policy=policy,
        example_id=f"e{index}",
        split="test",
        kind="annual",
        holdouts=(),
        slices=("annual",) if index % 3 else ("quarterly",),
        cik=index % 100,
        company="",
        metric="",
        period="",
        due=True,
        outcome="answered" if shown else "abstained",
        answer="",
        expected="",
        grade="",
        why="",
        right=right,
        shown=shown,
        wrong_shown=wrong,
        made_up=False,
        turns=2,
        tokens=60,
        seconds=0.1,
        confidence=1.0,
        reward=1.0,
        breakdown={},
        accession="",
        transcript={},
    )


def main() -> None:
    """Print the share promoted by the gate and by the naive rule, and the gate's time."""
    parser = argparse.ArgumentParser(description="Error rates of the promotion gate.")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=1000)
    chosen = parser.parse_args()
    section = yaml.safe_load(Path("params.yaml").read_text())["promote"]["gate"]
    gate = GateSettings.model_validate(section | {"suites": []})
    table = Table(title=f"{chosen.draws} draws of {chosen.pairs} pairs", title_justify="left")
    for column in ("candidate", "gate promotes", "“score is higher” promotes"):
        table.add_column(column)
    seconds = []
    for case in CASES:
        settings = gate.model_copy(update={"rounds": case.rounds})
        promoted = naive = 0
        for seed in range(chosen.draws):
            new, old = draw(case, chosen.pairs, seed)
            started = perf_counter()
            decision = decide(Candidate("n", new, 0.0), Candidate("o", old, 0.0), 0, settings)
            seconds.append(perf_counter() - started)
            promoted += decision.promote
            naive += sum(row.right for row in new) > sum(row.right for row in old)
        table.add_row(case.name, f"{promoted / chosen.draws:.1%}", f"{naive / chosen.draws:.1%}")
    console = Console()
    console.print(table)
    console.print(f"one decision: median {1000 * median(seconds):.1f} ms", highlight=False)


if __name__ == "__main__":
    main()
