from dataclasses import replace

import pytest

from ledgerline.examples.expansion import (
    ExpansionSettings,
    boundary,
    effect,
    expand,
    expandable,
)
from ledgerline.examples.leakage import check_examples
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.synthesize import (
    Corpus,
    SynthesizeSettings,
    TemplateAuthor,
    make_holdouts,
    with_difficulty,
)
from ledgerline.examples.universe import Universe
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tests.examples.corpora import settings_with

SETTINGS = ExpansionSettings(played=50, tries=8, low=0.1, high=0.9, neighbours=3, most=40, seed=1)
LONGEST = settings_with().longest_prompt


@pytest.fixture
def universe(store: Store, search: Search, settings: SynthesizeSettings) -> Universe:
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    return Universe(store.companies(), search, search.catalogue, holdouts)


def rated(corpus: Corpus) -> dict[str, float]:
    """Pass rates: a third of the examples never solved, a third sometimes, a third always."""
    return {e.id: (0.0, 0.45, 1.0)[n % 3] for n, e in enumerate(corpus.train)}


def test_difficulty_is_kept_with_the_example(corpus: Corpus) -> None:
    known = with_difficulty(corpus.train, {corpus.train[0].id: 0.25})
    assert known[0].difficulty == 0.25
    assert known[1].difficulty is None
    assert replace(known[0], difficulty=None) == corpus.train[0]


def test_the_boundary_is_what_is_solved_sometimes(corpus: Corpus) -> None:
    known = with_difficulty(corpus.train, rated(corpus))
    assert {example.difficulty for example in boundary(known, SETTINGS)} == {0.45}
    assert boundary(corpus.train, SETTINGS) == []


def test_neighbours_are_new_near_and_clean(
    corpus: Corpus, store: Store, search: Search, universe: Universe
) -> None:
    known = with_difficulty(corpus.train, rated(corpus))
    mentions = Mentions(store.companies(), search.catalogue)
    found = expand(known, TemplateAuthor(universe), universe, mentions, SETTINGS, LONGEST)
    assert len(found.examples) == 40
    by_id = {example.id: example for example in known}
    for child in found.examples:
        parent = by_id[found.parents[child.id]]
        assert child.kind == parent.kind
        assert child.prompt not in {example.prompt for example in known}
        near = child.phrasing == parent.phrasing
        if child.reference and parent.reference:
            near |= child.reference.metric == parent.reference.metric
            near |= child.reference.cik == parent.reference.cik
        assert near
    checks = check_examples(
        [*known, *found.examples], corpus.test, search, universe.holdouts, mentions
    )
    assert [str(check) for check in checks if not check.met] == []
    fresh = Universe(store.companies(), search, search.catalogue, universe.holdouts)
    again = expand(known, TemplateAuthor(fresh), fresh, mentions, SETTINGS, LONGEST)
    assert again == found


def test_prose_has_no_neighbours(
    corpus: Corpus, store: Store, search: Search, universe: Universe
) -> None:
    known = with_difficulty(corpus.train, rated(corpus))
    known = [replace(e, kind="prose" if e.is_due else "prose_not_filed") for e in known]
    assert expandable(known) == []
    mentions = Mentions(store.companies(), search.catalogue)
    found = expand(known, TemplateAuthor(universe), universe, mentions, SETTINGS, LONGEST)
    assert found.examples == ()


def test_neighbours_are_no_longer_than_allowed(
    corpus: Corpus, store: Store, search: Search, universe: Universe
) -> None:
    known = with_difficulty(corpus.train, rated(corpus))
    mentions = Mentions(store.companies(), search.catalogue)
    found = expand(known, TemplateAuthor(universe), universe, mentions, SETTINGS, 120)
    assert found.examples
    assert max(len(example.prompt) for example in found.examples) <= 120
    assert found.refused["too long"] > 0


def test_the_effect_is_measured_on_parents_and_neighbours(
    corpus: Corpus, store: Store, search: Search, universe: Universe
) -> None:
    before = rated(corpus)
    known = with_difficulty(corpus.train, before)
    mentions = Mentions(store.companies(), search.catalogue)
    found = expand(known, TemplateAuthor(universe), universe, mentions, SETTINGS, LONGEST)
    after = dict.fromkeys([*before, *found.parents], 0.75)
    measured = effect(found.parents, before, after)
    assert measured["parents"] == len(set(found.parents.values()))
    assert measured["parents_before"] == pytest.approx(0.45)
    assert measured["parents_after"] == measured["neighbours_after"] == pytest.approx(0.75)
