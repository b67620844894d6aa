"""Stage `synthesize`: prompt-completion pairs from clean facts, with crossed hold-outs."""

from collections import Counter
from pathlib import Path

import orjson

from ledgerline.durable import write_bytes, write_text
from ledgerline.errors import LedgerlineError
from ledgerline.examples.card import card
from ledgerline.examples.jsonl import write_jsonl
from ledgerline.examples.leakage import check_examples
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.synthesize import SynthesizeSettings, make_holdouts, slice_name, synthesize
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tasks.params import Params
from tasks.stage import run_stage

FACTS = Path("data/clean/facts.sqlite")
EXAMPLES = Path("data/examples")
CARD = Path("reports/examples.md")
SUMMARY = Path("reports/synthesize.json")


class SynthesizeParams(Params):
    """What the stage reads of params.yaml."""

    synthesize: SynthesizeSettings


def main(params: SynthesizeParams) -> None:
    """Write the corpus, prove that nothing leaks, and describe it."""
    settings = params.synthesize
    with Store.open(FACTS, read_only=True) as store:
        search = Search(store)
        companies = store.companies()
        corpus = synthesize(companies, search, settings)
        expectations = check_examples(
            corpus.train,
            (*corpus.validation, *corpus.test),
            search,
            make_holdouts(settings.holdouts, settings.seed),
            Mentions(companies, Catalogue.load()),
        )
    failed = [expectation for expectation in expectations if not expectation.met]
    if failed:
        raise LedgerlineError(
            "the examples leak or are malformed: " + "; ".join(map(str, failed)) + ". Nothing was "
            "written; look at synthesize.holdouts in params.yaml and at the author's phrasings."
        )
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


if __name__ == "__main__":
    run_stage("synthesize", SynthesizeParams, main)
