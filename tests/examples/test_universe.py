"""Which companies are written about, and how often."""

import gc
import random

import pytest

from ledgerline.examples.example import Ask, Holdout, Split
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.synthesize import SynthesizeSettings, TemplateAuthor, make_holdouts
from ledgerline.examples.universe import Universe
from ledgerline.examples.writer import Writer
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.periods import Span
from ledgerline.filings.reckoning import metrics_in
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store


def _is_net_income(metric: Metric) -> bool:
    return metric.name == "net_income"


@pytest.mark.parametrize("wanted", [frozenset(), frozenset({Holdout.COMPANY})])
def test_each_company_has_its_turn(
    store: Store, search: Search, settings: SynthesizeSettings, wanted: frozenset[Holdout]
) -> None:
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    reported = {
        cik: {p.fiscal_year for p in search.versions(cik, "net_income") if p.span is Span.FY}
        for cik in search.companies
        if holdouts.company(cik) is bool(wanted)
    }
    due = sorted(cik for cik, years in reported.items() if years - holdouts.fiscal_years)
    young = len(reported) - len(due)
    stay = 25
    trained = sum(not holdouts.company(cik) for cik in search.companies)
    universe = Universe(
        store.companies(), search, search.catalogue, holdouts, figures=stay * trained
    )
    rng = random.Random(1)
    draws = 2 * (stay * len(due) + young)
    drawn = [universe.figure(wanted, {Span.FY}, rng, _is_net_income) for _ in range(draws)]
    # Who has nothing of the kind is asked once in each round.
    ciks = [figure.cik for figure in drawn if figure is not None]
    assert len(drawn) - len(ciks) == 2 * young
    turns = ciks[::stay]
    assert ciks == [cik for cik in turns for _ in range(stay)]
    first, second = turns[: len(due)], turns[len(due) :]
    assert sorted(first) == sorted(second) == due
    assert first != second


def test_a_ratio_says_whose_figure_it_is_made_of(
    store: Store, search: Search, settings: SynthesizeSettings
) -> None:
    # Two companies may share a short name, and their figures.
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    author = TemplateAuthor(Universe(store.companies(), search, search.catalogue, holdouts))
    rng = random.Random(3)
    drafts = [author.draft("margin", frozenset(), rng) for _ in range(40)]
    # (A margin with a name of its own is a figure like any other.)
    ratios = [draft for draft in drafts if draft is not None and draft.ask is Ask.RATIO]
    assert len(ratios) > 10
    for draft in ratios:
        (call,) = draft.calls
        part, whole = (search.catalogue.named(metric) for metric in metrics_in(call.metric))
        assert part
        assert whole
        assert draft.intended
        assert (whole.name, draft.intended[1]) == ("revenue", part.name)


def test_writing_leaves_no_garbage_in_cycles(
    store: Store, search: Search, settings: SynthesizeSettings
) -> None:
    # The corpus is written without a look for such garbage, so there must not be any.
    companies = store.companies()
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    author = TemplateAuthor(Universe(companies, search, search.catalogue, holdouts))
    mentions = Mentions(companies, search.catalogue)
    writer = Writer(search, settings.longest_prompt, 1, mentions, holdouts)
    gc.collect()
    gc.disable()
    try:
        garbage = []
        for _ in range(3):
            written = writer.write(author, Split.TRAIN, {frozenset(): 100}, settings.kinds)
            assert len(written) == 100
            garbage.append(gc.collect())
        # What others leave (a library's pattern, the end of an earlier test) comes once.
        assert min(garbage) < 10
    finally:
        gc.enable()
