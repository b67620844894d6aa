"""Names that only a document's readers have for a company or a metric."""

import random
import re
from collections import Counter
from datetime import date

import pytest

from ledgerline.environments.filings import CLOSEST, FilingsEnvironment, episode_fields
from ledgerline.examples.coined import FILED, CoinedShares, with_coined_names
from ledgerline.examples.everyday_words import ADJECTIVES, NOUNS
from ledgerline.examples.example import Example, Holdout, Split
from ledgerline.examples.firms import NOTHING, Heard, firm
from ledgerline.examples.grammar import phrasings
from ledgerline.examples.heard import heard_of
from ledgerline.examples.indicators import indicator
from ledgerline.examples.jsonl import as_json, from_json
from ledgerline.examples.leakage import check_examples
from ledgerline.examples.mentions import Mentions, fiscal_years
from ledgerline.examples.synthesize import Corpus, make_holdouts
from ledgerline.filings.facts import Company
from ledgerline.filings.search import Search
from tests.examples.corpora import settings_with

SETTINGS = settings_with()
ALL = CoinedShares(looked_up=1.0, at_once=1.0, companies=1.0, years=0.0)
YEARS = CoinedShares(looked_up=0.0, at_once=0.0, companies=0.0, years=1.0)
WORDS = frozenset((*ADJECTIVES, *NOUNS))
HOLDOUTS = make_holdouts(SETTINGS.holdouts, SETTINGS.seed)


@pytest.fixture(scope="module")
def mentions(search: Search) -> Mentions:
    return Mentions(search.companies.values(), search.catalogue)


@pytest.fixture(scope="module")
def coined(corpus: Corpus) -> list[Example]:
    return [example for example in corpus.train if example.glossary]


def test_a_share_of_training_has_them_and_evaluation_never(
    corpus: Corpus, coined: list[Example]
) -> None:
    assert 0.3 < len(coined) / len(corpus.train) < 0.75
    assert any(len(example.glossary) == 2 for example in coined)
    assert not any(example.glossary for example in corpus.validation + corpus.test)
    assert {example.is_due for example in coined} == {True, False}


def test_moved_years_are_all_moved_alike_and_to_none_held_out(
    search: Search, corpus: Corpus, mentions: Mentions
) -> None:
    held = HOLDOUTS.fiscal_years
    plain = [example for example in corpus.train if not example.glossary]
    moved = with_coined_names(plain, YEARS, NOTHING, mentions, HOLDOUTS, 220, seed=1)
    assert sum(new != old for new, old in zip(moved, plain, strict=True)) > len(plain) / 2
    for new, old in zip(moved, plain, strict=True):
        if new == old:
            assert not fiscal_years(old.prompt) & set(FILED)
            continue
        before, after = (re.findall(r"\d+", each.prompt) for each in (old, new))
        moves = {int(late) - int(early) for early, late in zip(before, after, strict=True)} - {0}
        assert len({move % 100 for move in moves}) == 1
        assert not fiscal_years(new.prompt) & held
        assert re.sub(r"\d", "0", new.prompt) == re.sub(r"\d", "0", old.prompt)
        assert [new.meant(call) for call in new.calls] == list(old.calls)
        assert _evidence(search, new) == _evidence(search, old)


def _evidence(search: Search, example: Example) -> list[dict[str, object]]:
    """What the look-ups of `example` come to, but for what they are called."""
    environment = FilingsEnvironment(search)
    environment.reset(**episode_fields(example))
    for call in example.calls:
        environment.search(call.company, call.metric, call.period)
    unsaid = ("arguments", "text")
    return [
        {key: entry[key] for key in entry if key not in unsaid or (entry["hit"] and key == "text")}
        for entry in environment.evidence
    ]


def test_an_amount_is_no_year(search: Search, mentions: Mentions) -> None:
    written = (
        "At 31 December 2019, FY19 and 4Q'18 or '17 being over, 2,015 stores sold $2015 million, "
        "2016.5 tons and 2014% in the 12 months to Q2 2020 and Q1 FY 21: "
    )
    example = Example("x", Split.TRAIN, "narrative", written, "", date(2020, 1, 1), None)
    (moved,) = with_coined_names([example], YEARS, NOTHING, mentions, HOLDOUTS, 300, seed=3)
    changed = [
        old for old, new in zip(written.split(), moved.prompt.split(), strict=True) if old != new
    ]
    assert changed == ["2019,", "FY19", "4Q'18", "'17", "2020", "21:"]


def test_an_honest_look_up_finds_the_figure_by_that_name(
    search: Search, coined: list[Example]
) -> None:
    environment = FilingsEnvironment(search)
    due = [example for example in coined if example.is_due]
    assert due
    for example in due:
        environment.reset(**episode_fields(example))
        for call in example.calls:
            environment.search(call.company, call.metric, call.period)
        found, due_there = environment.evidence[-1], example.reference
        assert due_there is not None
        assert (found["cik"], found["metric"]) == (due_there.cik, due_there.metric)


def test_without_the_glossary_the_name_means_nothing(search: Search, coined: list[Example]) -> None:
    for example in coined:
        for name, usual in example.glossary:
            if search.knows("period", usual):
                assert search.knows("period", name)
                continue
            assert name in example.prompt
            assert usual in example.plain_prompt
            assert search.catalogue.named(name) is None
            known = ("company", "metric")
            assert sum(search.knows(argument, usual) for argument in known) == 1


def test_a_miss_shows_what_the_coined_names_find(search: Search, coined: list[Example]) -> None:
    example = next(
        each
        for each in coined
        if each.is_due
        and {each.glossary[0][0], each.glossary[-1][0]}
        == {each.calls[0].company, each.calls[0].metric}
    )
    environment = FilingsEnvironment(search)
    environment.reset(**episode_fields(example))
    call = example.calls[-1]
    found = environment.search(call.company, call.metric, call.period)
    reply = environment.search(call.company, "something else entirely", call.period)
    assert reply == f"No such metric. {CLOSEST}{found}"
    reply = environment.search("Somebody Else Entirely", call.metric, call.period)
    assert reply == f"No such company. {CLOSEST}{found}"


def test_names_kept_for_evaluation_are_not_used(
    search: Search, corpus: Corpus, mentions: Mentions
) -> None:
    coined = [
        entry
        for example in with_coined_names(
            corpus.train, ALL, NOTHING, mentions, HOLDOUTS, 220, seed=1
        )
        for entry in example.glossary
    ]
    firms = {name for name, usual in coined if search.knows("company", usual)}
    # As they were drawn: an everyday word has its capital from the sentence that it begins.
    measures = {
        name[0].lower() + name[1:] if name.split()[0].lower() in WORDS else name
        for name, usual in coined
        if search.knows("metric", usual)
        if usual[0].islower() or name.split()[0].lower() in WORDS
    }
    assert len(firms) > 200
    assert len(measures) > 200
    assert not [name for name in firms if HOLDOUTS.invented(Holdout.COMPANY, name)]
    assert not [name for name in measures if HOLDOUTS.invented(Holdout.METRIC, name)]
    assert not any(mentions.find(name) for name, _ in coined)


def test_they_survive_being_written_down(coined: list[Example]) -> None:
    assert [from_json(as_json(example)) for example in coined] == coined


def test_a_held_out_metric_behind_a_coined_name_is_a_leak(
    search: Search, corpus: Corpus, mentions: Mentions
) -> None:
    held = [e for e in corpus.test if Holdout.METRIC in e.holdouts and e.is_due]
    renamed = with_coined_names(held, ALL, NOTHING, mentions, HOLDOUTS, 220, seed=1)
    hidden = next(e for e in renamed if e.glossary)
    found = check_examples([hidden], corpus.test, search, HOLDOUTS, mentions)
    broken = {expectation.name for expectation in found if not expectation.met}
    assert "training asks for nothing held out" in broken


def test_words_of_documents_stand_in_some_names() -> None:
    """In those of what nobody files, too, or such a word would tell that a figure is due."""
    for make in (
        lambda rng: indicator(rng, ["zebra"]),
        lambda rng: firm(rng, Heard(words=["zebra"])),
    ):
        names = [make(random.Random(seed)).lower() for seed in range(200)]
        assert 10 < sum("zebra" in name for name in names) < 190


def test_a_word_of_names_begins_some_and_ends_others() -> None:
    """Or a policy that knows it from the middle of names goes on where one ends with it."""
    names = [firm(random.Random(seed), Heard(names=["sail"])).lower() for seed in range(400)]
    words = [name.split() for name in names if "sail" in name.split()]
    assert sum(each[0] == "sail" for each in words) > 20
    assert sum(each[-1] == "sail" for each in words) > 20
    assert sum("sail" in each[1:-1] for each in words) > 5


def test_common_words_are_those_of_training() -> None:
    families = phrasings().values()
    kept = [p.text.lower() for family in families for p in family if p.id not in HOLDOUTS.phrasings]
    known = [Company(cik, "Umbralis Zinnoria") for cik in range(200)]
    heard = heard_of(known, HOLDOUTS)
    words = heard.words
    assert set(heard.names) == {"umbralis", "zinnoria"} < set(words)
    times = Counter(word for text in kept for word in set(re.findall("[a-z]+", text)))
    assert all(times[word] >= 3 for word in set(words) - {"umbralis", "zinnoria"})
    hidden = [company for company in known if HOLDOUTS.company(company.cik)]
    assert len(hidden) >= 3
    assert "umbralis" not in heard_of(hidden, HOLDOUTS).words
