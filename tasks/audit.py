"""Stage `audit`: what the reward pays degenerate policies, before any of them is trained."""

from pathlib import Path

import orjson

from ledgerline.durable import write_bytes, write_text
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.audit import AuditSettings, audit
from ledgerline.rewards.audit_report import as_json, html, plot, show
from ledgerline.rewards.groups import Comparison
from ledgerline.rewards.observed import read_observed
from tasks.rules import PracticeParams, rubric
from tasks.stage import run_stage, wide_console

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples/train.jsonl")
WARMUP = Path("reports/warmup.json")
SUMMARY = Path("reports/audit.json")
PAGE = Path("reports/audit.html")
PLOT = Path("reports/audit.png")


class AuditParams(PracticeParams):
    """What the stage reads of params.yaml."""

    audit: AuditSettings
    train: Comparison


def main(params: AuditParams) -> None:
    """Play every scripted policy on training examples, write what came out, fail on faults."""
    with Store.open(FACTS, read_only=True) as store:
        search = Search(store)
        audited = audit(
            read_jsonl(EXAMPLES),
            lambda: FilingsEnvironment(search),
            episode_fields,
            params.limits,
            rubric(params),
            params.audit,
            params.train,
            read_observed(WARMUP),
        )
    show(audited, wide_console())
    plot(audited, PLOT)
    write_text(PAGE, html(audited, PLOT.name))
    write_bytes(SUMMARY, orjson.dumps(as_json(audited), option=orjson.OPT_INDENT_2) + b"\n")
    audited.check()


if __name__ == "__main__":
    run_stage("audit", AuditParams, main)
