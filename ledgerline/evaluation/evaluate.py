"""The evaluation of several policies on the same examples, and what it comes to."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator

from ledgerline.evaluation.calibration import calibration, certified_threshold
from ledgerline.evaluation.judging import Player, evaluate_policy
from ledgerline.evaluation.metrics import (
    ALL,
    MAIN,
    USUAL,
    Comparison,
    Measures,
    Uncertainty,
    compare,
    measure,
    pair,
    slices_present,
)
from ledgerline.evaluation.prompted import PromptedSettings
from ledgerline.evaluation.records import SUITE, TEST, VALIDATION, Record, by_policy
from ledgerline.evaluation.slices import Slicer
from ledgerline.evaluation.suites import adversarial
from ledgerline.examples import prose
from ledgerline.examples.example import Example
from ledgerline.examples.silence import SILENT_KINDS
from ledgerline.examples.template import DUE_KINDS
from ledgerline.policy.policy import EngineSettings
from ledgerline.rewards.rubric import Rubric
from ledgerline.settings import Settings

BASE = "base"
TRAINED = "trained"
RULE = "rule"


class EvaluateSettings(Settings):
    """What is played and how it is looked at.

    `test`, `validation`: at most so many examples of each split; the latter are for the trained
    policy's thresholds, and others than it play no more than `others` of them. `suite`: prompts in
    each adversarial suite. `timed`: test examples that each policy plays alone, for latency.
    `engine`: how policies generate here, on a machine that costs `dollars_per_hour`.
    `slice_examples`: the least that a slice must hold to be looked at; `shown_slices` of them are
    printed beside those that matter most. `harder_kinds` have rows of their own; all others make up
    the slice "usual kinds" of what is new in everything. `threshold_forgives`: wrong answers that
    the first threshold tried on validation may hold, see `certified_threshold`. `sure_from`: the
    least confidence of an answer that counts as sure. `rule`: whether to play the baseline without
    a model. `prompted`: models behind an API. `completions`: printed in full. `read`: rollouts in
    the report, `failures` of them first.
    """

    seed: int
    test: int
    validation: int
    others: int = Field(ge=0)
    suite: int
    timed: int
    engine: EngineSettings
    dollars_per_hour: float
    slice_examples: int
    shown_slices: int
    harder_kinds: tuple[str, ...]
    threshold_forgives: int = Field(ge=0)
    sure_from: float = Field(ge=0, le=1)
    uncertainty: Uncertainty
    rule: bool
    prompted: tuple[PromptedSettings, ...]
    completions: int
    read: int
    failures: int

    @field_validator("harder_kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        known = (*DUE_KINDS, *SILENT_KINDS, prose.DUE, prose.NOT_DUE)
        unknown = sorted(set(kinds) - set(known))
        if unknown:
            raise ValueError(f"unknown kinds {unknown}; there are {list(known)}")
        return kinds


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that came of an evaluation.

    `thresholds`: per policy the certified confidence threshold, None where there is none.
    `sure`: what each is worth on the usual kinds if only answers from the confidence `sure_from`
    on are shown.
    """

    records: dict[str, list[Record]]
    measures: dict[str, dict[str, Measures]]
    served: dict[str, Measures]
    comparisons: dict[str, dict[str, Comparison]]
    thresholds: dict[str, float | None]
    sure_from: float
    sure: dict[str, Measures]


def draw(examples: Sequence[Example], number: int, seed: int) -> list[Example]:
    """At most `number` of `examples`, drawn by `seed`, in random order."""
    ordered = sorted(examples, key=lambda example: example.id)
    return random.Random(seed).sample(ordered, min(number, len(ordered)))


def play_all(
    players: Mapping[str, Player],
    validation: Sequence[Example],
    test: Sequence[Example],
    rubric: Rubric,
    slicer: Slicer,
    settings: EvaluateSettings,
    shard: slice = slice(None),
) -> list[Record]:
    """Every player on the same test and adversarial examples (of one shard of each), and on the
    first of the same validation examples.

    A prompted model is asked no more of each than its settings say: the first ones drawn.
    """
    asked = {prompted.name: prompted.examples for prompted in settings.prompted}
    parts = (
        (TEST, draw(test, settings.test, settings.seed)),
        (VALIDATION, draw(validation, settings.validation, settings.seed)),
        (SUITE, adversarial(test, settings.suite, settings.seed)),
    )

    def share(name: str, split: str, examples: list[Example]) -> list[Example]:
        others = settings.others if split == VALIDATION and name != TRAINED else None
        return examples[: asked.get(name)][:others][shard]

    return [
        record
        for name, player in players.items()
        for split, examples in parts
        for record in evaluate_policy(
            name, player, share(name, split, examples), rubric, slicer, split
        )
    ]


def weigh(
    records: Sequence[Record], settings: EvaluateSettings, wrong_limit: float, confidence: float
) -> Evidence:
    """Measures on the test split, thresholds from the validation split, paired comparisons.

    A policy's threshold certifies, at `confidence`, at most `wrong_limit` wrong among shown.
    """
    groups = by_policy(records)
    test, validation = (
        {name: [row for row in rows if row.split == split] for name, rows in groups.items()}
        for split in (TEST, VALIDATION)
    )
    thresholds = {
        name: certified_threshold(
            served(rows, 0.0), wrong_limit, confidence, settings.threshold_forgives
        )
        for name, rows in validation.items()
    }
    names = slices_present(next(iter(test.values()), []), settings.slice_examples)
    uncertainty = settings.uncertainty
    return Evidence(
        records=groups,
        measures={
            name: {part: measure(rows, part, uncertainty) for part in names}
            for name, rows in test.items()
        },
        served={
            name: measure(served(rows, thresholds[name]), ALL, uncertainty)
            for name, rows in test.items()
        },
        comparisons={
            name: {part: compare(pair(test[BASE], rows), part, uncertainty) for part in names}
            for name, rows in test.items()
            if name != BASE and BASE in test
        },
        thresholds=thresholds,
        sure_from=settings.sure_from,
        sure={
            name: measure(served(rows, settings.sure_from), USUAL, uncertainty)
            for name, rows in test.items()
            if USUAL in names
        },
    )


def served(records: Sequence[Record], threshold: float | None) -> list[Record]:
    """The records as shown from `threshold` on; without one nothing is shown."""
    return [row.served(float("inf") if threshold is None else threshold) for row in records]


def summary(evidence: Evidence) -> dict[str, Any]:
    """The figures worth committing and following over time, as plain JSON values."""
    policies: dict[str, Any] = {}
    for name, measures in evidence.measures.items():
        calibrated = calibration(
            [row for row in evidence.records[name] if row.split == TEST], 10, 0.95
        )
        policies[name] = {
            **{part: measures[part].flat() for part in MAIN if part in measures},
            "threshold": evidence.thresholds[name],
            "served": evidence.served[name].flat(),
            "sure": evidence.sure[name].flat() if name in evidence.sure else None,
            "calibration_error": _finite(calibrated.error),
            "brier": _finite(calibrated.brier),
        }
    return {
        "policies": policies,
        "comparisons": {
            name: {part: rows[part].flat() for part in MAIN if part in rows}
            for name, rows in evidence.comparisons.items()
        },
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
