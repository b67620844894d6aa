"""Which items to practise next: rather those that are not solved yet.

Sampling in proportion to 1 − success rate is Kimi k1.5's (arXiv 2501.12599, section 2.3.4). A
group that fails as a whole teaches nothing either, so "learnable" samples in proportion to the
chance that a group's outcomes differ, which is what its advantages come from.
Items are many and each is seen rarely, so the rate is learnt per phrasing, begins at that of the
item's kind, and forgets what is old; a floor keeps in sight what seems solved or hopeless.
An item whose difficulty is known from before counts as if it had been tried.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ledgerline.errors import LedgerlineError
from ledgerline.settings import Settings
from ledgerline.training.task import Item

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Stage(Settings):
    """A part of a curriculum: until training step `until`, only these `kinds` are drawn."""

    until: int
    kinds: list[str]


class SamplerSettings(Settings):
    """`strategy`: "prioritised" by 1 − success, "learnable" by the chance that a
    group of rollouts has both, or "uniform",
    the control. `floor`: least weight of an item. `prior`: imagined trials that a phrasing starts
    with, at the rate of its kind, and a kind at one half; a difficulty stored with an item counts
    as so many trials, too. `memory`: trials after which an old one counts 1/e. `curriculum`:
    declared stages, in order; none means every kind from the start.
    """

    strategy: Literal["prioritised", "learnable", "uniform"]
    floor: float = Field(gt=0)
    prior: float = Field(gt=0)
    memory: float = Field(gt=0)
    curriculum: list[Stage]


class Sampler:
    """Draws items without repeating one within a draw; its state can be saved and restored."""

    def __init__(
        self, items: Sequence[Item], settings: SamplerSettings, group_size: int, seed: int
    ):
        if not items:
            raise LedgerlineError("there are no examples to train on; check synthesize.train")
        self._settings = settings
        self._group_size = group_size
        self._generator = np.random.default_rng(seed)
        self._kinds = np.array([item.kind for item in items])
        self._phrasing = _Rates([item.phrasing for item in items])
        self._kind = _Rates([item.kind for item in items])
        for index, item in enumerate(items):
            if item.difficulty is not None:
                self.update(index, item.difficulty * settings.prior, settings.prior)

    def success_rates(self) -> Floats:
        """Estimated success of each item, between 0 and 1: [items]."""
        prior = self._settings.prior
        return self._phrasing.estimate(self._kind.estimate(0.5, prior), prior)

    def draw(self, number: int, step: int) -> list[int]:
        """Indices of `number` different items for training step `step`."""
        weight = np.ones(len(self._kinds))
        if self._settings.strategy != "uniform":
            rates = self.success_rates()
            value = 1 - rates
            if self._settings.strategy == "learnable":
                value = 1 - rates**self._group_size - (1 - rates) ** self._group_size
            weight = np.maximum(value, self._settings.floor)
        for stage in self._settings.curriculum:
            if step < stage.until:
                weight = weight * np.isin(self._kinds, stage.kinds)
                break
        possible = int((weight > 0).sum())
        if possible == 0:
            raise LedgerlineError(
                f"the curriculum's stage at step {step} names no kind that the examples have"
            )
        size = min(number, possible)
        drawn = self._generator.choice(
            len(weight), size=size, replace=False, p=weight / weight.sum()
        )
        return [int(index) for index in drawn]

    def update(self, index: int, successes: float, trials: float) -> None:
        """Learn that item `index` was solved `successes` times in `trials`."""
        for rates in (self._phrasing, self._kind):
            rates.update(index, successes, trials, self._settings.memory)

    def state(self) -> dict[str, Any]:
        """Everything that the next draw depends on, as JSON values."""
        return {
            "phrasings": self._phrasing.state(),
            "kinds": self._kind.state(),
            "generator": self._generator.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state; the examples must be those it was saved with."""
        self._phrasing.restore(state["phrasings"])
        self._kind.restore(state["kinds"])
        self._generator.bit_generator.state = state["generator"]


class _Rates:
    """Success by stratum; `names` gives each item's."""

    def __init__(self, names: Sequence[str]):
        self._names = sorted(set(names))
        code = {name: index for index, name in enumerate(self._names)}
        self._stratum = np.array([code[name] for name in names])
        self._solved = np.zeros(len(self._names))
        self._tried = np.zeros(len(self._names))

    def estimate(self, expected: float | Floats, prior: float) -> Floats:
        """Success of each item's stratum, after `prior` imagined trials as `expected`: [items]."""
        solved, tried = self._solved[self._stratum], self._tried[self._stratum]
        rates: Floats = (solved + prior * expected) / (tried + prior)
        return rates

    def update(self, index: int, successes: float, trials: float, memory: float) -> None:
        stratum = self._stratum[index]
        kept = np.exp(-trials / memory)
        self._solved[stratum] = self._solved[stratum] * kept + successes
        self._tried[stratum] = self._tried[stratum] * kept + trials

    def state(self) -> dict[str, Any]:
        return {
            "names": self._names,
            "solved": self._solved.tolist(),
            "tried": self._tried.tolist(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        if state["names"] != self._names:
            raise LedgerlineError("the checkpoint's sampler knows other examples; start afresh")
        self._solved = np.array(state["solved"])
        self._tried = np.array(state["tried"])
