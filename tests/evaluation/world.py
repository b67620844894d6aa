"""A small world: generated filings, their search, and examples written from them."""

import random
from collections.abc import Sequence
from pathlib import Path

from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.scripted import play
from ledgerline.evaluation.evaluate import EvaluateSettings, play_all
from ledgerline.evaluation.judging import Played, Player
from ledgerline.evaluation.metrics import Uncertainty
from ledgerline.evaluation.playing import script_player
from ledgerline.evaluation.records import Record
from ledgerline.evaluation.rule import Rule
from ledgerline.evaluation.slices import Slicer
from ledgerline.examples.coined import CoinedShares
from ledgerline.examples.example import Example
from ledgerline.examples.holdouts import HoldoutSettings
from ledgerline.examples.mentions import Mentions
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
from ledgerline.policy.policy import EngineSettings
from ledgerline.rewards import degenerate
from ledgerline.rewards.rubric import Rubric

LIMITS = Limits(turns=6, tokens=400, turn_tokens=120, refusals=2, noise=0.8, seconds=60)
RUBRIC = Rubric({"right_figure": 1.0, "right_silence": 1.0, "wrong_figure": -0.1})

_UNIVERSE = GeneratedSettings(
    companies=60,
    years=6,
    last_year=2023,
    foreign_rate=0.1,
    restatement_rate=0.5,
    fact_error_rate=0.0,
    filing_error_rate=0.0,
    seed=5,
)
_CORPUS = SynthesizeSettings(
    seed=5,
    counts=Counts(train=40, validation=300, test=240),
    slices=SliceShares(all_four=0.3, alone=0.1),
    kinds=dict.fromkeys(KINDS, 1.0),
    train_kinds={},
    recombined=0.5,
    coined=CoinedShares(looked_up=0.3, at_once=0.3, companies=0.3, years=0.3),
    intrusions=0.1,
    holdouts=HoldoutSettings(
        companies=0.3,
        phrasings=0.25,
        known_words=0,
        fiscal_years=(2023,),
        metrics=("operating_income", "total_assets"),
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


def mixed_player(shares: dict[str, float], search: Search, seed: int, sure: float = 0.0) -> Player:
    """A policy that plays each example by a script drawn with `shares` (name → share).

    Its confidence is high for honest episodes; `sure` moves that of the others towards it.
    """
    scripts = {
        "honest": degenerate.honest,
        "scale": degenerate.wrong_scale,
        "silent": degenerate.always_silent,
        "blind": degenerate.answer_blindly,
        "stall": degenerate.stall,
    }

    def player(examples: Sequence[Example]) -> list[Played]:
        played = []
        for example in examples:
            draw = random.Random(f"{seed}:{example.id}")
            name = draw.choices(list(shares), list(shares.values()))[0]
            transcript = play(
                FilingsEnvironment(search), episode_fields(example), LIMITS, scripts[name](example)
            )
            confidence = 0.9 + 0.1 * draw.random() if name == "honest" else sure + draw.random() / 2
            played.append(Played(transcript, 0.02 + 0.03 * draw.random(), min(1.0, confidence)))
        return played

    return player


EVALUATE = EvaluateSettings(
    seed=3,
    test=240,
    validation=300,
    others=200,
    suite=10,
    timed=10,
    engine=EngineSettings(rows=16, positions=512, dtype="float32"),
    dollars_per_hour=0.1,
    slice_examples=15,
    harder_kinds=("comparison", "growth", "margin", "several", "estimate"),
    shown_slices=10,
    threshold_forgives=0,
    sure_from=0.5,
    uncertainty=Uncertainty(confidence=0.95, resamples=300, seed=3),
    rule=True,
    prompted=(),
    completions=10,
    read=20,
    failures=10,
)


def played_records(store: Store, search: Search, corpus: Corpus) -> list[Record]:
    """Records of a weak base, a better trained policy, and the rule."""
    rule = Rule(Mentions(store.companies(), search.catalogue))
    base = {"honest": 0.45, "scale": 0.15, "silent": 0.25, "blind": 0.05, "stall": 0.1}
    players = {
        "base": mixed_player(base, search, 1, sure=0.4),
        "trained": mixed_player({"honest": 0.86, "scale": 0.06, "silent": 0.08}, search, 2),
        "rule": script_player(
            lambda _: rule, lambda: FilingsEnvironment(search), episode_fields, LIMITS, 0.1
        ),
    }
    return play_all(
        players,
        corpus.validation,
        corpus.test,
        RUBRIC,
        Slicer(search, EVALUATE.harder_kinds),
        EVALUATE,
    )
