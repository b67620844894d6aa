"""A small world: generated filings, their search, and examples written from them."""

from pathlib import Path

from ledgerline.environments.dialogue import Limits
from ledgerline.examples.holdouts import HoldoutSettings
from ledgerline.examples.synthesize import (
    KINDS,
    Corpus,
    Counts,
    SliceShares,
    SynthesizeSettings,
    synthesize,
)
from ledgerline.filings.companyfacts import read_companyfacts
from ledgerline.filings.generated import GeneratedSettings, companies
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.rubric import Rubric

LIMITS = Limits(turns=6, tokens=400, turn_tokens=120, refusals=2, noise=0.8, seconds=60)
RUBRIC = Rubric({"right_figure": 1.0, "right_silence": 1.0, "wrong_figure": -0.1})

_UNIVERSE = GeneratedSettings(
    companies=60,
    years=6,
    last_year=2023,
    restatement_rate=0.1,
    fact_error_rate=0.0,
    filing_error_rate=0.0,
    seed=5,
)
_CORPUS = SynthesizeSettings(
    seed=5,
    counts=Counts(train=40, validation=80, test=240),
    slices=SliceShares(all_four=0.3, alone=0.1),
    kinds=dict.fromkeys(KINDS, 1.0),
    holdouts=HoldoutSettings(
        companies=0.3, phrasings=0.25, fiscal_years=(2023,), metrics=("operating_income", "total_assets")
    ),
    longest_prompt=1500,
    test_sources=(),
)


def make_store(path: Path) -> Path:
    """Write the world's facts to `path`."""
    with Store.create(path) as store:
        for content, _ in companies(_UNIVERSE):
            company, facts, _ = read_companyfacts(content, "generated")
            store.add(company, facts)
    return path


def make_corpus(store: Store) -> tuple[Search, Corpus]:
    """Search over the world and examples from it."""
    search = Search(store)
    return search, synthesize(store.companies(), search, _CORPUS)
