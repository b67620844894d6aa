"""Self-expansion, between `warmup` and `train`, for whoever wants it: `python -m tasks.expand`.

A policy plays training prompts; its pass rate becomes each prompt's difficulty, and of those at
the boundary neighbours are written. Point `train.examples` in params.yaml at what it writes.
`python -m tasks.expand effect` measures, after the stage train, what the neighbours were good for.
"""

import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.console import Console

from ledgerline.durable import write_bytes
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.examples.expansion import ExpansionSettings, effect, expand, expandable
from ledgerline.examples.jsonl import read_jsonl, write_jsonl
from ledgerline.examples.leakage import check_examples
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.synthesize import (
    SynthesizeSettings,
    TemplateAuthor,
    make_holdouts,
    with_difficulty,
)
from ledgerline.examples.universe import Universe
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.policy import Policy, PolicySettings
from tasks import practice
from tasks.practice import filings_task, sampled
from tasks.rules import PracticeParams
from tasks.stage import run_stage

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples")
EXPANDED = Path("data/expanded/train.jsonl")
FAMILIES = Path("data/expanded/families.json")
SUMMARY = Path("reports/expand.json")
BASE, TRAINED = Path("models/base"), Path("models/policy")


class ExpandParams(PracticeParams):
    """What the command reads of params.yaml."""

    synthesize: SynthesizeSettings
    policy: PolicySettings
    expand: ExpansionSettings


def main(params: ExpandParams) -> None:
    """Measure difficulty, write neighbours, prove that they leak nothing, and count them."""
    settings = params.expand
    train = read_jsonl(EXAMPLES / "train.jsonl")
    playable = expandable(train)
    chosen = random.Random(settings.seed).sample(playable, min(settings.played, len(playable)))
    with Store.open(FACTS, read_only=True) as store:
        search = Search(store)
        rates = pass_rates(params, BASE, search, chosen)
        known = with_difficulty(train, rates)
        companies = store.companies()
        holdouts = make_holdouts(params.synthesize.holdouts, params.synthesize.seed)
        universe = Universe(companies, search, search.catalogue, holdouts)
        mentions = Mentions(companies, search.catalogue)
        author, longest = TemplateAuthor(universe), params.synthesize.longest_prompt
        found = expand(known, author, universe, mentions, settings, longest)
        evaluation = [
            *read_jsonl(EXAMPLES / "validation.jsonl"),
            *read_jsonl(EXAMPLES / "test.jsonl"),
        ]
        checks = check_examples([*known, *found.examples], evaluation, search, holdouts, mentions)
    broken = [str(check) for check in checks if not check.met]
    if broken:
        raise LedgerlineError(f"the neighbours leak or are malformed: {'; '.join(broken)}.")
    write_jsonl(EXPANDED, [*known, *found.examples])
    families = {"before": rates, "parents": dict(found.parents)}
    write_bytes(FAMILIES, orjson.dumps(families) + b"\n")
    summary = {
        "played": len(chosen),
        "solved": dict(sorted(Counter(f"{rate:.3f}" for rate in rates.values()).items())),
        "parents": len(set(found.parents.values())),
        "neighbours": len(found.examples),
        "kinds": dict(sorted(Counter(example.kind for example in found.examples).items())),
        "refused": dict(found.refused),
    }
    write_bytes(SUMMARY, orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    Console().print(
        f"{len(found.examples)} neighbours of {summary['parents']} examples at the boundary, of "
        f"{len(chosen)} played; set train.examples in params.yaml to {EXPANDED}"
    )


def measure(params: ExpandParams) -> None:
    """Pass rates of parents before and after training, and of their neighbours after it."""
    if not FAMILIES.is_file():
        raise LedgerlineError(f"{FAMILIES}: no such file; run python -m tasks.expand first.")
    families = orjson.loads(FAMILIES.read_bytes())
    kin = {*families["parents"], *families["parents"].values()}
    examples = [example for example in read_jsonl(EXPANDED) if example.id in kin]
    with Store.open(FACTS, read_only=True) as store:
        after = pass_rates(params, TRAINED, Search(store), examples)
    found = effect(families["parents"], families["before"], after)
    summary = orjson.loads(SUMMARY.read_bytes()) | {"effect": found}
    write_bytes(SUMMARY, orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    Console().print(
        f"{found['parents']:.0f} parents: {found['parents_before']:.1%} solved before, "
        f"{found['parents_after']:.1%} after; neighbours {found['neighbours_after']:.1%}"
    )


def pass_rates(
    params: ExpandParams, folder: Path, search: Search, examples: Sequence[Example]
) -> dict[str, float]:
    """Example id → share of its episodes that the policy in `folder` solves."""
    policy = Policy.load(folder, params.policy.attention)
    engine = policy.embedded_engine(params.policy.engine)
    task = filings_task(params, search)
    played = sampled(policy, engine, task, list(examples), params.expand.tries)
    return practice.pass_rates(task, played)


if __name__ == "__main__":
    run_stage("expand", ExpandParams, measure if sys.argv[1:] == ["effect"] else main)
