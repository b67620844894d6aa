"""Stage `audit`: what the reward pays degenerate policies, before any of them is trained."""

from pathlib import Path

import orjson

from ledgerline.durable import write_bytes, write_text
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.errors import LedgerlineError
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.audit import AuditSettings, audit
from ledgerline.rewards.audit_report import as_json, html, plot
from ledgerline.rewards.rubric import Rubric
from tasks.practice import PracticeParams
from tasks.stage import run_stage

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples/train.jsonl")
WARMUP = Path("reports/warmup.json")
SUMMARY = Path("reports/audit.json")
PAGE = Path("reports/audit.html")
PLOT = Path("reports/audit.png")


class AuditParams(PracticeParams):
    """What the stage reads of params.yaml."""

    audit: AuditSettings


def main(params: AuditParams) -> None:
    """Play every scripted policy on training examples, write what came out, fail on faults."""
    with Store.open(FACTS, read_only=True) as store:
        search = Search(store)
        audited = audit(
            read_jsonl(EXAMPLES),
            lambda: FilingsEnvironment(search),
            episode_fields,
            params.limits,
            Rubric.from_settings(params.rubric),
            params.audit,
            _measured_pass_rates(),
        )
    plot(audited, PLOT)
    write_text(PAGE, html(audited, PLOT.name))
    write_bytes(SUMMARY, orjson.dumps(as_json(audited), option=orjson.OPT_INDENT_2) + b"\n")
    audited.check()


def _measured_pass_rates() -> list[float] | None:
    """Shares of prompts by the base policy's pass rate, where warm-up measured them."""
    if not WARMUP.is_file():
        return None
    try:
        found = orjson.loads(WARMUP.read_bytes()).get("pass_rates")
        return None if found is None else [float(share) for share in found]
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise LedgerlineError(
            f"{WARMUP}: pass_rates must be a list of shares ({error}); run the stage warmup again."
        ) from error


if __name__ == "__main__":
    run_stage("audit", AuditParams, main)
