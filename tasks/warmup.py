"""Stage `warmup`: the base policy, brought to where it sometimes succeeds."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import track

from ledgerline.durable import replacing_directory, write_bytes, write_text
from ledgerline.environments.environment import tool_schemas
from ledgerline.environments.filings import FilingsEnvironment
from ledgerline.examples.example import Example
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.codec import ChatCodec
from ledgerline.policy.likeness import embed_by_use
from ledgerline.policy.policy import Policy, accelerator
from ledgerline.policy.scratch import build_model, train_tokenizer
from ledgerline.rewards.observed import TRIES, observe
from ledgerline.training.demonstrations import Demonstration, choose, demonstration
from ledgerline.training.processes import Processes
from ledgerline.training.task import Task
from ledgerline.training.warmup import WarmupSettings, WarmupStep, warm_up
from tasks.practice import (
    DIFFICULTY,
    PolicyParams,
    filings_task,
    pass_rates,
    sampled,
    success_rate,
)
from tasks.stage import run_stage
from tasks.tracking import stage_run

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples")
BASE = Path("models/base")
SUMMARY = Path("reports/warmup.json")
CURVE = Path("reports/warmup.csv")


class WarmupParams(PolicyParams):
    """What the stage reads of params.yaml."""

    warmup: WarmupSettings


def main(params: WarmupParams) -> None:
    """Build or load the base, demonstrate until the target, measure what is left to practice.

    All processes do so together; the main one shows, logs and writes.
    """
    settings = params.warmup
    processes = Processes()
    train = read_jsonl(EXAMPLES / "train.jsonl")
    validation = read_jsonl(EXAMPLES / "validation.jsonl")[: settings.validation]
    with Store.open(FACTS, read_only=True) as store:
        task = filings_task(params, Search(store))
        policy = scratch_policy(params, train) if params.policy.base == "scratch" else None
        policy = policy or Policy.load(params.policy.base, params.policy.attention)
        engine = policy.embedded_engine(params.policy.engine)
        shown = choose(train, settings.demonstrations, settings.seed)
        demonstrations = demonstrated(policy, task, shown, settings)

        def success() -> float:
            return success_rate(policy, engine, task, validation)

        with _reporting(params, processes) as report:
            history = warm_up(
                policy.plain, demonstrations, settings, success, report, settings.seed
            )
        played = sampled(policy, engine, task, train[: settings.pass_rate_prompts], TRIES)
        seen, rates = observe(played), pass_rates(task, played)
        reached = history[-1].success if history else success()
    if not processes.main:
        return
    with replacing_directory(BASE) as folder:
        policy.save(folder)
    summary = {
        "parameters": policy.plain.num_parameters(),
        "demonstrations": len(demonstrations),
        "phrasings_shown": len({item.phrasing for item in shown}),
        "phrasings": len({item.phrasing for item in train}),
        "steps": history[-1].step if history else 0,
        "success": reached,
        **seen.model_dump(),
    }
    write_bytes(SUMMARY, orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    write_bytes(DIFFICULTY, orjson.dumps(rates, option=orjson.OPT_INDENT_2) + b"\n")
    write_text(CURVE, _curve(history))


def demonstrated(
    policy: Policy, task: Task, items: list[Example], settings: WarmupSettings
) -> list[Demonstration]:
    """The expert's episodes of `items`; all processes play their part, and all get the whole."""
    processes = Processes()
    mine = track(
        processes.share(items), "demonstrations", transient=True, disable=not processes.main
    )
    return processes.gather(
        [
            demonstration(policy.codec, task, item, items, settings.demonstrations, settings.seed)
            for item in mine
        ]
    )


@contextmanager
def _reporting(
    params: WarmupParams, processes: Processes
) -> Iterator[Callable[[WarmupStep], None]]:
    """What each check is told to: the console and MLflow, of the main process alone."""
    if not processes.main:
        yield lambda _: None
        return
    console = Console()
    with stage_run("warmup", params) as run:

        def report(check: WarmupStep) -> None:
            console.print(
                f"step {check.step:4d}  loss {check.loss:.4f}  solved {check.success:.1%}"
            )
            run.log({"loss": check.loss, "success": check.success}, check.step)

        yield report


def scratch_policy(params: WarmupParams, train: list[Example]) -> Policy:
    """Random weights, a tokenizer and the words' likeness, learnt from training prompts and
    completions alone.

    On the accelerator where there is one; the weights are drawn on the CPU, so they are the same.
    """
    shape = params.policy.scratch
    corpus = [f"{example.prompt}{example.completion}" for example in train]
    tokenizer = train_tokenizer(
        corpus, tool_schemas(FilingsEnvironment), shape.vocabulary, shape.pieces
    )
    model = build_model(shape, tokenizer, params.warmup.seed)
    if shape.likeness:
        embed_by_use(model, tokenizer, corpus, shape.likeness)
    model.set_attn_implementation(params.policy.attention)
    return Policy(model.to(accelerator()), ChatCodec(tokenizer))


def _curve(history: list[WarmupStep]) -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(["step", "loss", "success"])
    writer.writerows((check.step, check.loss, check.success) for check in history)
    return text.getvalue()


if __name__ == "__main__":
    run_stage("warmup", WarmupParams, main)
