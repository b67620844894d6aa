import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ledgerline.errors import LedgerlineError
from ledgerline.examples.confirm import states
from ledgerline.examples.example import Ask, Example, Holdout, Split
from ledgerline.examples.firms import firm
from ledgerline.examples.grammar import expansions, phrasings
from ledgerline.examples.heard import telling_words
from ledgerline.examples.holdouts import SLICES, slice_name
from ledgerline.examples.indicators import indicator
from ledgerline.examples.intrusions import LONGEST
from ledgerline.examples.jsonl import as_json, read_jsonl, write_jsonl
from ledgerline.examples.synthesize import (
    KINDS,
    Beside,
    Corpus,
    SynthesizeSettings,
    make_holdouts,
    quotas,
    synthesize,
)
from ledgerline.filings.period_words import YEAR_BEFORE
from ledgerline.filings.reckoning import RECKONINGS, metrics_in
from ledgerline.filings.search import Hit, Search
from ledgerline.filings.spelling import folded
from ledgerline.filings.store import Store
from tests.examples.corpora import settings_with


def every(corpus: Corpus) -> list[Example]:
    return [example for split in corpus.splits().values() for example in split]


def test_each_split_has_what_was_asked_for(corpus: Corpus) -> None:
    counts = {name: len(examples) for name, examples in corpus.splits().items()}
    assert counts == {"train": 700, "validation": 100, "test": 320}
    assert {example.split for example in corpus.test} == {Split.TEST}


def test_every_kind_is_there(corpus: Corpus) -> None:
    assert {example.kind for example in every(corpus)} == set(KINDS)


def test_only_training_is_written_in_recombined_phrasings(corpus: Corpus) -> None:
    written = [
        re.compile(re.sub(r"\\\{[^}]*\\\}", ".+", re.escape(text)) + " $")
        for family in ("flow", "balance")
        for phrasing in phrasings()[family]
        for text in expansions(phrasing.text)
    ]

    def new(examples: list[Example]) -> float:
        plain = [e for e in examples if e.kind in ("annual", "quarterly", "balance")]
        return sum(not any(p.search(e.prompt) for p in written) for e in plain) / len(plain)

    assert new(corpus.validation + corpus.test) == 0
    assert 0.2 < new(corpus.train) <= 0.5


def test_what_tells_that_no_figure_is_due_is_lent_to_no_coined_name(
    corpus: Corpus, search: Search
) -> None:
    rng = random.Random(0)
    own = words_of(make(rng) for make in (indicator, firm) for _ in range(20_000))
    tell = telling_words(make_holdouts(settings_with().holdouts, settings_with().seed))
    names = [
        name
        for example in corpus.train
        for name, usual in example.glossary
        if not search.knows("period", usual)
    ]
    assert {"headcount", "forecast", "chapter"} <= tell - own
    assert not tell & {"filed", "reported"}
    # Of what stands in companies' names no word tells, and "such" may come of syllables, by chance.
    own |= words_of(company.name for company in search.companies.values())
    assert len(words_of(names) & tell - own) <= 1
    assert words_of(names) - tell - own


def words_of(names: Iterable[str]) -> set[str]:
    return {word for name in names for word in re.findall("[a-z]{3,}", name.lower())}


def test_prompts_are_short_and_varied(corpus: Corpus) -> None:
    examples = every(corpus)
    longest = max(len(example.prompt) for example in corpus.train)
    assert longest <= 220 + LONGEST
    assert max(len(example.prompt) for example in (*corpus.validation, *corpus.test)) <= 220
    assert len({folded(example.prompt) for example in examples}) == len(examples)
    assert {example.register for example in examples} == {"memo", "deck", "email", "press"}


def test_the_honest_look_ups_copy_the_prompt_and_find_the_figure(
    corpus: Corpus, search: Search
) -> None:
    copied = 0
    for example in every(corpus):
        for call in example.calls:
            plain = example.meant(call)
            answer = search(plain.company, plain.metric, plain.period, as_of=example.document_date)
            assert isinstance(answer, Hit) is example.is_due
            assert call.company in example.prompt
            assert all(metric in example.prompt for metric in metrics_in(call.metric))
            assert call.period.removeprefix(f"{YEAR_BEFORE} ") in example.prompt
            copied += call.metric in example.prompt
        if example.kind in ("annual", "quarterly", "balance", "relative", "several"):
            (call,) = example.calls
            plain = example.meant(call)
            found = search(plain.company, plain.metric, plain.period, as_of=example.document_date)
            assert isinstance(found, Hit)
            assert found.figure.text == example.completion
            assert call.period in example.prompt
    assert copied > 500


def test_completions_state_the_reference_and_silence_has_none(corpus: Corpus) -> None:
    for example in every(corpus):
        if example.reference is None:
            assert example.completion == ""
        else:
            assert states(example.completion, example.reference.value, example.reference.unit)


def test_reckoned_answers_follow_from_the_two_figures(corpus: Corpus, search: Search) -> None:
    reckoned = [example for example in every(corpus) if example.ask in RECKONINGS]
    assert {example.kind for example in reckoned} == {"comparison", "growth", "margin"}
    for example in reckoned:
        (call,) = map(example.meant, example.calls)
        metrics = metrics_in(call.metric)
        periods = (
            [call.period] if len(metrics) == 2 else [call.period, f"{YEAR_BEFORE} {call.period}"]
        )
        first, second = (
            answer.figure.value
            for metric in metrics
            for period in periods
            if isinstance(
                answer := search(call.company, metric, period, as_of=example.document_date), Hit
            )
        )
        assert example.reference is not None
        expected = {
            Ask.CHANGE: abs(first - second),
            Ask.GROWTH: abs(first / second - 1),
            Ask.RATIO: first / second,
        }[example.ask]
        assert abs(example.reference.value - expected) < Decimal("1e-9")


def test_slices_cross_every_hold_out(corpus: Corpus, settings: SynthesizeSettings) -> None:
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    found = Counter(example.holdouts for example in corpus.test)
    assert dict(found) == quotas(320, settings.slices)
    assert set(found) == set(SLICES)
    for example in corpus.test:
        phrasing = example.phrasing.split(":")[-1]
        assert (phrasing in holdouts.phrasings) is (Holdout.PHRASING in example.holdouts)
        if example.reference is not None:
            due = example.reference
            assert holdouts.company(due.cik) is (Holdout.COMPANY in example.holdouts)
            held_year = int(due.period[-4:]) in holdouts.fiscal_years
            assert held_year is (Holdout.PERIOD in example.holdouts)
            if example.kind not in ("margin",):
                assert holdouts.metric(due.metric) is (Holdout.METRIC in example.holdouts)
    assert all(not example.holdouts for example in corpus.train)


def test_default_quotas_leave_enough_in_each_slice() -> None:
    shares = settings_with().slices
    wanted = quotas(3000, shares)
    assert sum(wanted.values()) == 3000
    assert wanted[frozenset(Holdout)] >= 1000
    assert all(wanted[held] >= 150 for held in SLICES if len(held) <= 1)
    assert slice_name(frozenset(Holdout)) == "all four"


def test_the_kinds_have_their_weights(corpus: Corpus) -> None:
    counts = Counter(example.kind for example in corpus.train)
    silent = sum(not example.is_due for example in corpus.train) / len(corpus.train)
    assert 0.2 < silent < 0.4
    assert counts["annual"] > counts["growth"] > 0


def digest(corpus: Corpus, folder: Path) -> str:
    found = hashlib.sha256()
    for name, examples in corpus.splits().items():
        write_jsonl(folder / f"{name}.jsonl", examples)
        found.update((folder / f"{name}.jsonl").read_bytes())
    return found.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process(
    corpus: Corpus, store_path: Path, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.examples.corpora import settings_with\n"
        "from tests.examples.test_synthesize import digest\n"
        "from ledgerline.filings.store import Store; from ledgerline.filings.search import Search\n"
        "from ledgerline.examples.synthesize import synthesize\n"
        "with Store.open(sys.argv[1], read_only=True) as store:\n"
        "    corpus = synthesize(store.companies(), Search(store), settings_with())\n"
        "print(digest(corpus, Path(sys.argv[2])))\n"
    )
    arguments = [store_path, tmp_path / "other"]
    elsewhere = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == digest(corpus, tmp_path / "here")


def test_the_same_seed_gives_the_same_bytes_where_a_process_beside_writes_a_part(
    corpus: Corpus, store: Store, search: Search, store_path: Path, tmp_path: Path
) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        beside = Beside(pool, store_path)
        other = synthesize(store.companies(), search, settings_with(), beside=beside)
    assert digest(other, tmp_path / "other") == digest(corpus, tmp_path / "here")
    assert (other.refused, other.short) == (corpus.refused, corpus.short)


def test_parts_of_training_write_about_companies_of_their_own(
    corpus: Corpus, search: Search, settings: SynthesizeSettings
) -> None:
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    trained = sorted(cik for cik in search.companies if not holdouts.company(cik))
    due = Counter(example.reference.cik for example in corpus.train if example.reference)
    assert set(due) <= set(trained)
    halves = [sum(due[cik] for cik in trained[part::2]) / due.total() for part in range(2)]
    assert all(0.4 < half < 0.6 for half in halves)


def test_what_two_parts_wrote_alike_is_there_once_and_made_up_for(
    store: Store, search: Search
) -> None:
    # Cut off early, a prompt names no company: now and then both parts write the same one.
    many = settings_with(
        counts={"train": 1500, "validation": 0, "test": 0}, kinds={"unfinished": 1.0}
    )
    found = synthesize(store.companies(), search, many)
    assert len(found.train) == 1500
    assert len({folded(example.plain_prompt) for example in found.train}) == 1500
    assert found.refused["written already"] > 0


def test_another_seed_gives_other_examples(store: Store, search: Search, corpus: Corpus) -> None:
    other = synthesize(
        store.companies(),
        search,
        settings_with(seed=4, counts={"train": 50, "validation": 0, "test": 0}),
    )
    assert not {e.id for e in other.train} & {e.id for e in corpus.train[:50]}


def test_jsonl_round_trips(corpus: Corpus, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "test.jsonl", corpus.test)
    assert read_jsonl(tmp_path / "test.jsonl") == corpus.test


def test_a_broken_line_is_named(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    write_jsonl(path, corpus.test[:3])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(LedgerlineError, match=r"test\.jsonl, line 3"):
        read_jsonl(path)
    with pytest.raises(LedgerlineError, match="no such file"):
        read_jsonl(tmp_path / "none.jsonl")


@pytest.mark.parametrize("glossary", [None, [], [["a", "b"]]])
def test_a_glossary_that_is_none_is_named(corpus: Corpus, tmp_path: Path, glossary: Any) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(as_json(corpus.test[0]) | {"glossary": glossary}))
    with pytest.raises(LedgerlineError, match=r"test\.jsonl, line 1: not an example"):
        read_jsonl(path)


def test_training_without_any_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="train_kinds leaves training no kind"):
        settings_with(kinds={"annual": 1.0}, train_kinds={"annual": 0.0})


def test_settings_name_what_is_unknown(store: Store, search: Search) -> None:
    with pytest.raises(ValidationError, match="anual"):
        settings_with(kinds={"anual": 1.0})
    fields = settings_with().holdouts.model_dump()
    with pytest.raises(LedgerlineError, match="capexx"):
        synthesize(
            store.companies(),
            search,
            settings_with(holdouts=fields | {"metrics": ["capexx"]}),
        )
    with pytest.raises(LedgerlineError, match="test_sources"):
        synthesize(
            store.companies(),
            search,
            settings_with(test_sources=["fsds"], counts={"train": 5, "validation": 5, "test": 5}),
        )


def test_a_store_without_enough_periods_comes_out_short_and_says_so(
    store: Store, search: Search
) -> None:
    fields = settings_with().holdouts.model_dump()
    corpus = synthesize(
        store.companies(),
        search,
        settings_with(
            holdouts=fields | {"fiscal_years": [1990]},
            counts={"train": 20, "validation": 0, "test": 160},
            kinds={"annual": 1.0},
        ),
    )
    assert corpus.short["test: all four"] > 0
    assert {slice_name(e.holdouts) for e in corpus.test} & {"company", "metric", "phrasing"}
