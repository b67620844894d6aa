"""Which items to practise next: rather those that are not solved yet.

Sampling in proportion to 1 − success rate is Kimi k1.5's (arXiv 2501.12599, section 2.3.4).
Items are many and each is seen rarely, so the rate is learnt per phrasing, smoothed by a prior
and forgetting what is old; a floor keeps what seems solved in sight.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ledgerline.errors import LedgerlineError
from ledgerline.settings import Settings
from ledgerline.training.task import Item


class Stage(Settings):
    """A part of a curriculum: until training step `until`, only these `kinds` are drawn."""

    until: int
    kinds: list[str]


class SamplerSettings(Settings):
    """`strategy` "uniform" is the control. `floor`: least weight of an item. `prior`: imagined
    trials at one half that a phrasing starts with. `memory`: trials after which an old one
    counts 1/e. `curriculum`: declared stages, in order; none means every kind from the start.
    """

    strategy: Literal["prioritised", "uniform"]
    floor: float
    prior: float
    memory: float
    curriculum: list[Stage]


class Sampler:
    """Draws items without repeating one within a draw; its state can be saved and restored."""

    def __init__(self, items: Sequence[Item], settings: SamplerSettings, seed: int):
        if not items:
            raise LedgerlineError("there are no examples to train on; check synthesize.train")
        self._settings = settings
        self._generator = np.random.default_rng(seed)
        self.phrasings = sorted({item.phrasing for item in items})
        code = {phrasing: index for index, phrasing in enumerate(self.phrasings)}
        self._stratum = np.array([code[item.phrasing] for item in items])
        self._kinds = np.array([item.kind for item in items])
        self._solved = np.zeros(len(self.phrasings))
        self._tried = np.zeros(len(self.phrasings))

    def success_rates(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Estimated success of each of `phrasings`, between 0 and 1: [phrasings]."""
        prior = self._settings.prior
        rates: np.ndarray[Any, np.dtype[np.float64]] = (self._solved + prior / 2) / (
            self._tried + prior
        )
        return rates

    def draw(self, number: int, step: int) -> list[int]:
        """Indices of `number` different items for training step `step`."""
        weight = np.ones(len(self._stratum))
        if self._settings.strategy == "prioritised":
            rates = self.success_rates()[self._stratum]
            weight = np.maximum(1 - rates, self._settings.floor)
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

    def update(self, index: int, successes: int, trials: int) -> None:
        """Learn that item `index` was solved `successes` times in `trials`."""
        stratum = self._stratum[index]
        kept = np.exp(-trials / self._settings.memory)
        self._solved[stratum] = self._solved[stratum] * kept + successes
        self._tried[stratum] = self._tried[stratum] * kept + trials

    def state(self) -> dict[str, Any]:
        """Everything that the next draw depends on, as JSON values."""
        return {
            "phrasings": self.phrasings,
            "solved": self._solved.tolist(),
            "tried": self._tried.tolist(),
            "generator": self._generator.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state; the examples must be those it was saved with."""
        if state["phrasings"] != self.phrasings:
            raise LedgerlineError("the checkpoint's sampler knows other phrasings; start afresh")
        self._solved = np.array(state["solved"])
        self._tried = np.array(state["tried"])
        self._generator.bit_generator.state = state["generator"]
