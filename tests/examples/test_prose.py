import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.examples.confirm import Draft, Refusal, confirm
from ledgerline.examples.example import Example, Holdout, Split
from ledgerline.examples.leakage import check_examples
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.prose import DUE, NOT_DUE, Sentence, drafts_of, placed, read_sentences
from ledgerline.examples.synthesize import make_holdouts, synthesize
from ledgerline.filings.companyfacts import read_companyfacts
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tests.examples.corpora import settings_with


@pytest.fixture(scope="module")
def apple(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    """Search over Apple's own facts."""
    content = (shared_data / "companyfacts" / "CIK0000320193.json.gz").read_bytes()
    company, facts, _ = read_companyfacts(gzip.decompress(content))
    path = tmp_path_factory.mktemp("apple") / "facts.sqlite"
    with Store.create(path) as store:
        store.add(company, facts)
        yield Search(store)


@pytest.fixture(scope="module")
def sentences(shared_data: Path) -> list[Sentence]:
    path = shared_data / "sentences" / "tagged_sentences.jsonl.gz"
    with gzip.open(path) as lines:
        return list(read_sentences(lines, path.name))


def test_apples_sentences_become_examples_that_its_facts_bear_out(
    apple: Search, sentences: list[Sentence]
) -> None:
    own = [sentence for sentence in sentences if sentence.company == "Apple Inc."]
    found = [each for sentence in own for each in drafts_of(sentence, apple, 220)]
    drafts = [each for each in found if isinstance(each, Draft)]
    examples = [confirm(draft, apple, Split.TEST) for draft in drafts]
    assert all(isinstance(example, Example) for example in examples)
    kinds = Counter(example.kind for example in examples if isinstance(example, Example))
    assert kinds[DUE] >= 10
    assert kinds[NOT_DUE] >= 10
    assert all(len(draft.prompt) <= 220 for draft in drafts)
    by_prompt = {draft.prompt: draft for draft in drafts}
    depreciation = next(
        example
        for example in examples
        if isinstance(example, Example) and "Depreciation expense" in example.prompt
    )
    assert depreciation.prompt.startswith("Apple, year ended September 28, 2024: Depreciation")
    assert depreciation.prompt.endswith("equipment was ")
    assert depreciation.completion == "$8.2 billion"
    assert by_prompt[depreciation.prompt].calls[0].metric == "Depreciation expense"
    refused = Counter(each.reason for each in found if isinstance(each, Refusal))
    assert set(refused) == {
        "of no metric in the catalogue",
        "not in the store for a period that is written",
    }


def test_prose_joins_the_corpus_where_it_holds_out_nothing(
    apple: Search, sentences: list[Sentence]
) -> None:
    settings = settings_with(
        counts={"train": 30, "validation": 0, "test": 0},
        holdouts={
            "companies": 0.0,
            "phrasings": 0.2,
            "known_words": 0,
            "fiscal_years": [2023],
            "metrics": [],
        },
    )
    companies = list(apple.directory.companies.values())
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    mentions = Mentions(companies, apple.catalogue)
    own = [sentence for sentence in sentences if sentence.company == "Apple Inc."]
    drafts = [each for sentence in own for each in drafts_of(sentence, apple, 220)]
    written = [d if isinstance(d, Refusal) else placed(d, mentions, holdouts) for d in drafts]
    corpus = synthesize(companies, apple, settings, written=written)
    prose = [example for example in corpus.train if example.source == "prose"]
    held = [example for example in corpus.test if example.source == "prose"]
    assert prose
    assert held
    assert all(not example.holdouts for example in prose)
    assert {h for e in held for h in e.holdouts} == {Holdout.PERIOD, Holdout.PHRASING}
    found = check_examples(corpus.train, corpus.test, apple, holdouts, mentions)
    assert [str(expectation) for expectation in found if not expectation.met] == []


def test_a_cut_never_shows_the_figure(apple: Search, sentences: list[Sentence]) -> None:
    for sentence in sentences[:60]:
        starts = {figure.begins for figure in sentence.figures}
        for draft in drafts_of(sentence, apple, 100_000):
            prompt = draft.prompt if isinstance(draft, Draft) else draft.draft.prompt
            body = prompt.removeprefix(sentence.heading)
            assert not body.rstrip().endswith(("$", "€"))
            assert any(len(body.rstrip()) <= start for start in starts)


def test_a_line_that_is_no_sentence_is_named() -> None:
    with pytest.raises(LedgerlineError, match=r"own\.jsonl, line 1"):
        list(read_sentences([orjson.dumps({"sentence": "x"})], "own.jsonl"))
    with pytest.raises(LedgerlineError, match="line 1"):
        list(read_sentences([b"{half"], "own.jsonl"))
