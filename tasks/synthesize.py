"""Stage `synthesize`: prompt-completion pairs from clean facts, with crossed hold-outs."""

import gzip
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path

import orjson
import pandas as pd

from ledgerline.durable import write_bytes, write_text
from ledgerline.errors import LedgerlineError
from ledgerline.examples.card import card
from ledgerline.examples.confirm import Draft, Refusal
from ledgerline.examples.example import Example
from ledgerline.examples.grammar import phrasings
from ledgerline.examples.holdouts import SLICES, Holdouts, slice_name
from ledgerline.examples.jsonl import write_jsonl
from ledgerline.examples.leakage import (
    Expectation,
    added,
    check_each,
    check_examples,
    check_together,
)
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.prose import drafts_of, placed, read_sentences
from ledgerline.examples.synthesize import (
    Beside,
    Corpus,
    SynthesizeSettings,
    check_beside,
    make_holdouts,
    synthesize,
)
from ledgerline.examples.universe import Universe
from ledgerline.filings.facts import Company
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.quality.example_suite import run_example_suite
from ledgerline.quality.gate import block, load_expectations
from ledgerline.quality.outcome import SuiteResult
from tasks.params import Params
from tasks.stage import run_stage

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples")
CLAUDE = Path("data/claude")
CARD = Path("reports/examples.md")
DOCS = Path("reports/examples_docs")
SUMMARY = Path("reports/synthesize.json")
WORTH_A_PROCESS = 3_000
"""Training examples that are written while another process starts, and their share of checks."""


class SynthesizeParams(Params):
    """What the stage reads of params.yaml."""

    synthesize: SynthesizeSettings


def main(params: SynthesizeParams) -> None:
    """Write the corpus, prove that nothing leaks, and describe it."""
    settings = params.synthesize
    with Store.open(FACTS, read_only=True) as store, _process(settings.counts.train) as pool:
        search = Search(store)
        companies = store.companies()
        holdouts = make_holdouts(settings.holdouts, settings.seed)
        mentions = Mentions(companies, search.catalogue)
        written = list(_prose(settings, search, mentions, holdouts))
        if settings.claude is not None:
            written += _claude(settings, companies, search, mentions, holdouts)
        corpus = synthesize(
            companies,
            search,
            settings,
            written=written,
            mentions=mentions,
            beside=Beside(pool, FACTS, load_expectations) if pool else None,
        )
        expectations, suite = _checked(corpus, search, holdouts, mentions, pool)
    failed = [expectation for expectation in expectations if not expectation.met]
    if failed:
        raise LedgerlineError(
            "the examples leak or are malformed: " + "; ".join(map(str, failed)) + ". None was "
            "written; look at synthesize.holdouts in params.yaml and at the author's phrasings."
        )
    block([suite], DOCS / "index.html", "look at synthesize.holdouts in params.yaml")
    for name, examples in corpus.splits().items():
        write_jsonl(EXAMPLES / f"{name}.jsonl", examples)
    write_text(CARD, card(corpus))
    summary = {
        "examples": {name: len(examples) for name, examples in corpus.splits().items()},
        "due": {
            name: round(sum(e.is_due for e in examples) / max(1, len(examples)), 4)
            for name, examples in corpus.splits().items()
        },
        "test_slices": dict(
            sorted(Counter(slice_name(example.holdouts) for example in corpus.test).items())
        ),
        "kinds": dict(sorted(Counter(example.kind for example in corpus.train).items())),
        "refused": corpus.refused,
        "short": corpus.short,
        "expectations": {str(expectation.name): expectation.met for expectation in expectations},
    }
    write_bytes(SUMMARY, orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")


@contextmanager
def _process(examples: int) -> Iterator[Executor | None]:
    """A process beside this one, or None where so few `examples` aren't worth it."""
    if examples < WORTH_A_PROCESS:
        yield None
        return
    # Forked, it would share this one's connections; and macOS forbids that libraries are used then.
    pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_end_with_parent)
    try:
        # Begins to import what it needs while the hold-outs are drawn here.
        pool.submit(phrasings)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Make this process end when the one that started it does, even if that is killed."""
    parent = parent_process()
    assert parent is not None  # noqa: S101

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _checked(
    corpus: Corpus, search: Search, holdouts: Holdouts, mentions: Mentions, pool: Executor | None
) -> tuple[list[Expectation], SuiteResult]:
    """What was expected of the examples, and how the suite fared; both by two processes if any."""
    evaluation = (*corpus.validation, *corpus.test)
    if pool is None:
        expectations = check_examples(corpus.train, evaluation, search, holdouts, mentions)
        return expectations, run_example_suite(_table(corpus), DOCS)
    parts: dict[bool, list[Example]] = {False: [], True: []}
    for example in corpus.train:
        parts[example.id in corpus.beside].append(example)
    others = pool.submit(check_beside, parts[True], holdouts, FACTS)
    suite = pool.submit(run_example_suite, _table(corpus), DOCS)
    here = check_each(parts[False], evaluation, search, holdouts, mentions)
    together = check_together(corpus.train, evaluation, mentions)
    return [*added(here, others.result()), *together], suite.result()


def _table(corpus: Corpus) -> pd.DataFrame:
    """The examples as the columns that the expectation suite reads."""
    return pd.DataFrame(
        {
            "id": example.id,
            "split": example.split.value,
            "prompt": example.prompt,
            "completion": example.completion,
            "holdouts": ",".join(sorted(holdout.value for holdout in example.holdouts)),
            "company": example.reference and str(example.reference.cik),
            "metric": example.reference and example.reference.metric,
            "period": example.reference and example.reference.period,
            "phrasing": example.phrasing.split(":")[-1],
            "document_date": example.document_date.isoformat(),
        }
        for examples in corpus.splits().values()
        for example in examples
    )


def _prose(
    settings: SynthesizeSettings, search: Search, mentions: Mentions, holdouts: Holdouts
) -> Iterator[Draft | Refusal]:
    """Drafts out of files of tagged sentences, plain or gzipped."""
    for name in settings.prose:
        path = Path(name)
        if not path.is_file():
            raise LedgerlineError(f"{path}: no such file; see synthesize.prose in params.yaml.")
        content = path.read_bytes()
        lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()
        for sentence in read_sentences(lines, name):
            for draft in drafts_of(sentence, search, settings.longest_prompt):
                yield draft if isinstance(draft, Refusal) else placed(draft, mentions, holdouts)


def _claude(
    settings: SynthesizeSettings,
    companies: Sequence[Company],
    search: Search,
    mentions: Mentions,
    holdouts: Holdouts,
) -> list[Draft]:
    """Drafts that Claude writes; replies are kept in data/claude, so that none is paid twice."""
    # The SDK takes a second to import, and most runs don't need it.
    import anthropic

    from ledgerline.examples.claude import commissions, write

    assert settings.claude is not None  # noqa: S101
    universe = Universe(companies, search, search.catalogue, holdouts)
    kinds = ("annual", "quarterly", "balance")
    commissioned = commissions(universe, kinds, SLICES, settings.claude, settings.seed)
    found = write(
        anthropic.Anthropic(),
        commissioned,
        mentions,
        holdouts,
        settings.claude,
        CLAUDE,
        settings.seed,
        time.sleep,
    )
    print(
        f"Claude: {len(found.drafts)} drafts, estimated ${found.estimate:.2f}, billed "
        f"${found.bill:.2f}; thrown out: {dict(found.thrown_out) or 'none'}"
    )
    return list(found.drafts)


if __name__ == "__main__":
    run_stage("synthesize", SynthesizeParams, main)
