"""Each expectation holds of the corpus as written, and breaks when a leak is planted."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ledgerline.examples.example import Example, Holdout, Lookup
from ledgerline.examples.grammar import phrasings, skeleton
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.leakage import added, check_each, check_examples, check_together
from ledgerline.examples.mentions import Mentions, NearIndex, fiscal_years
from ledgerline.examples.scribe import OPENINGS
from ledgerline.examples.synthesize import (
    Corpus,
    SynthesizeSettings,
    check_beside,
    make_holdouts,
)
from ledgerline.examples.wording import possessive, short_name
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Company
from ledgerline.filings.search import Hit, Search
from ledgerline.filings.store import Store
from tests.examples.corpora import settings_with


@pytest.fixture(scope="module")
def holdouts(settings: SynthesizeSettings) -> Holdouts:
    return make_holdouts(settings.holdouts, settings.seed)


@pytest.fixture(scope="module")
def mentions(store: Store) -> Mentions:
    return Mentions(store.companies(), Catalogue.load())


@pytest.fixture
def broken(
    corpus: Corpus, search: Search, holdouts: Holdouts, mentions: Mentions, store_path: Path
):
    """Names of the expectations that break when `planted` joins the training examples."""

    def check(*planted: Example) -> set[str]:
        written = corpus.train[:200]
        train = [*written, *planted]
        found = check_examples(train, corpus.test, search, holdouts, mentions)
        in_parts = added(
            check_each(written, corpus.test, search, holdouts, mentions),
            check_beside(planted, holdouts, store_path),
        )
        assert [*in_parts, *check_together(train, corpus.test, mentions)] == found
        return {expectation.name for expectation in found if not expectation.met}

    return check


@pytest.fixture
def held_company(store: Store, holdouts: Holdouts, search: Search) -> Company:
    return next(
        company
        for company in store.companies()
        if holdouts.company(company.cik)
        and isinstance(search(company.ticker, "revenue", "FY2022"), Hit)
    )


def plain(corpus: Corpus) -> Example:
    return next(example for example in corpus.train if example.kind == "annual")


def test_the_corpus_as_written_meets_every_expectation(broken) -> None:
    assert broken() == set()


def test_a_held_out_company_under_its_ticker_is_found(
    broken, corpus: Corpus, held_company: Company
) -> None:
    example = plain(corpus)
    leaked = replace(
        example,
        id="leak",
        prompt=example.prompt.replace(example.calls[0].company, held_company.ticker),
        document_date=date(2026, 1, 1),
        calls=(Lookup(held_company.ticker, "revenue", "fiscal 2022"),),
    )
    assert "training mentions no held-out company" in broken(leaked)
    assert "training asks for nothing held out" in broken(leaked)


@pytest.mark.parametrize("write", [short_name, str.upper, possessive])
def test_a_held_out_company_is_found_in_a_prompt_without_look_ups(
    broken, held_company: Company, corpus: Corpus, write
) -> None:
    silent = next(example for example in corpus.train if example.kind == "narrative")
    leaked = replace(
        silent, id="leak", prompt=f"We talked to {write(held_company.name)} at length about "
    )
    assert broken(leaked) == {"training mentions no held-out company"}


def test_a_held_out_metric_is_found_under_an_alias(broken, corpus: Corpus) -> None:
    silent = next(example for example in corpus.train if example.kind == "narrative")
    leaked = replace(silent, id="leak", prompt="Capital spending rose because of ")
    assert broken(leaked) == {"training mentions no held-out metric"}


@pytest.mark.parametrize("period", ["fiscal 2023", "FY24", "3Q23", "the first quarter of 2024"])
def test_a_held_out_year_is_found(broken, corpus: Corpus, period: str) -> None:
    silent = next(example for example in corpus.train if example.kind == "narrative")
    leaked = replace(silent, id="leak", prompt=f"All agree that {period} was a year of ")
    assert broken(leaked) == {"training mentions no held-out fiscal year"}


def test_a_held_out_period_is_found_through_its_end_date(
    broken, corpus: Corpus, search: Search, holdouts: Holdouts
) -> None:
    example, figure = next(
        (example, figure)
        for example in corpus.train
        if example.kind == "annual" and example.reference is not None
        for period, figure in search.series(example.reference.cik, example.reference.metric).items()
        if period.fiscal_year == 2024
    )
    words = f"the period ended {figure.end:%B} {figure.end.day}, {figure.end.year}"
    leaked = replace(
        example,
        id="leak",
        prompt=f"Over {words} it came to ",
        document_date=figure.filed,
        calls=(Lookup(example.calls[0].company, example.calls[0].metric, words[11:]),),
    )
    assert "training asks for nothing held out" in broken(leaked)


def test_a_held_out_phrasing_with_two_words_swapped_is_found(
    broken, corpus: Corpus, holdouts: Holdouts
) -> None:
    held = next(
        example
        for example in corpus.test
        if example.kind in ("annual", "quarterly", "balance")
        and example.holdouts == {Holdout.PHRASING}
    )
    (call,) = held.calls
    rest = held.prompt.replace(call.company, "\0").replace(call.metric, "\1")
    words = rest.replace(call.period, "\2").split()
    fixed = [at for at, word in enumerate(words) if word.isalpha()]
    first, second = random.Random(0).sample(fixed, 2)
    words[first], words[second] = words[second], words[first]
    prompt = " ".join(words) + " "
    for mark, text in zip("\0\1\2", (call.company, call.metric, call.period), strict=True):
        prompt = prompt.replace(mark, text)
    leaked = replace(held, id="leak", prompt=prompt, phrasing="annual-new", holdouts=frozenset())
    assert prompt != held.prompt
    assert "no held-out phrasing is nearly one of training's" in broken(leaked)


def test_a_held_out_phrasing_is_found_by_its_id(broken, corpus: Corpus, holdouts) -> None:
    leaked = replace(plain(corpus), id="leak", prompt="x ", phrasing=min(holdouts.phrasings))
    assert "training uses no held-out phrasing" in broken(leaked)


def test_a_test_example_in_training_is_found(broken, corpus: Corpus) -> None:
    assert "each example is there once" in broken(corpus.test[0])


def test_a_figure_that_the_store_does_not_have_is_found(broken, corpus: Corpus) -> None:
    example = plain(corpus)
    lost = replace(
        example, id="lost", prompt="x ", calls=(replace(example.calls[0], period="FY1950"),)
    )
    assert "each look-up finds the figure that is due" in broken(lost)


def test_no_held_out_phrasing_is_nearly_another(holdouts: Holdouts, mentions: Mentions) -> None:
    families = {name: texts for name, texts in phrasings().items() if name != "openings"}
    for texts in families.values():
        held = [phrasing for phrasing in texts if phrasing.id in holdouts.phrasings]
        assert held, texts[0].family
        assert len(held) < len(texts) / 2
    index = NearIndex(
        0.9,
        (
            frozenset(phrasing.text.split())
            for texts in families.values()
            for phrasing in texts
            if phrasing.id not in holdouts.phrasings
        ),
    )
    for texts in families.values():
        for phrasing in texts:
            if phrasing.id in holdouts.phrasings:
                assert index.near(frozenset(phrasing.text.split())) is None


@pytest.mark.parametrize("known_words", [0, 5])
def test_words_of_a_held_out_phrasing_stand_in_training(known_words: int) -> None:
    settings = settings_with().holdouts.model_copy(update={"known_words": known_words})
    held = make_holdouts(settings, seed=1).phrasings
    families = [texts for name, texts in phrasings().items() if name != OPENINGS]
    words = {one.id: frozenset(skeleton(one.text)) for texts in families for one in texts}
    kept = Counter(word for name, its in words.items() if name not in held for word in its)
    rarest = min(kept[word] for name in held for word in words[name])
    assert rarest >= known_words
    assert known_words or not rarest, "without it some words are new"
    for texts in families:
        share = sum(one.id in held for one in texts) / len(texts)
        assert 0.1 < share < 0.3, texts[0].family


@pytest.mark.parametrize("threshold", [0.5, 0.75, 0.9, 1.0])
def test_near_index_agrees_with_comparing_all(threshold: float) -> None:
    rng = random.Random(1)
    sets = [frozenset(rng.choices("abcdefgh", k=rng.randint(0, 8))) for _ in range(300)]
    asked = [*sets[200:], *(tokens | {"unknown"} for tokens in sets[200:])]
    index = NearIndex(threshold, sets[:200])
    for tokens in asked:
        near = {s for s in sets[:200] if s and len(s & tokens) >= threshold * len(s | tokens)}
        assert set(index.every(tokens)) == near
        assert set(index.every(tokens, longest=4)) == {s for s in near if len(s) <= 4}
        assert (index.near(tokens) is not None) is bool(near)


def test_fiscal_years_are_read_off_the_usual_spellings() -> None:
    text = "fiscal 2019, FY20, FY 2021, 3Q22, Q1 2023, H1 2024, the 2018 fiscal year"
    assert fiscal_years(text) == {2018, 2019, 2020, 2021, 2022, 2023, 2024}
    assert fiscal_years("in 10-K filings of March 5, 2024 on 2023 pages") == set()
