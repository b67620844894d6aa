"""Alarms: when a step's metrics say that training is going wrong, and what is done about it.

Means look safe while tails run away, and reward rises while accuracy does not; both have been
seen in practice, so tails and that divergence are watched and not only averages.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from ledgerline.errors import LedgerlineError
from ledgerline.settings import Settings


class Action(StrEnum):
    WARN = "warn"
    STOP = "stop"
    ROLL_BACK = "roll_back"


class Threshold(Settings):
    """Raise when `metric`, averaged over the last `steps` steps, is above or below a bound."""

    metric: str
    above: float | None = None
    below: float | None = None
    steps: int = Field(ge=1)
    action: Action


class Divergence(Settings):
    """Raise when, over `steps` steps, reward rose by `reward` or more while the share of solved
    rollouts rose by less than `success`."""

    steps: int = Field(ge=1)
    reward: float
    success: float
    action: Action


class AlarmSettings(Settings):
    """All alarms of a training run."""

    thresholds: list[Threshold]
    divergence: Divergence | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One raised alarm: what was seen, and what is to be done."""

    step: int
    message: str
    action: Action


class Alarms:
    """Watches the metrics of each step. An alarm that was raised rests for its own window.

    What is not a number is beyond every bound.
    """

    def __init__(self, settings: AlarmSettings):
        self._settings = settings
        longest = [threshold.steps for threshold in settings.thresholds]
        if settings.divergence:
            longest.append(2 * settings.divergence.steps)
        self._history: deque[dict[str, float]] = deque(maxlen=max(longest, default=1))
        self._rests: dict[str, int] = {}

    @property
    def may_roll_back(self) -> bool:
        """Whether any of them asks for that."""
        settings = self._settings
        actions = [threshold.action for threshold in settings.thresholds]
        if settings.divergence:
            actions.append(settings.divergence.action)
        return Action.ROLL_BACK in actions

    def check(self, step: int, metrics: Mapping[str, float]) -> list[Alarm]:
        """Take in a step's metrics; the alarms that they raise.

        Raises `LedgerlineError` for a threshold on a metric that an update doesn't have.
        """
        if "loss" in metrics:  # a step without an update lacks some
            self._know(metrics)
        self._history.append(dict(metrics))
        raised = []
        for threshold in self._settings.thresholds:
            message = self._exceeds(threshold)
            if message and self._rings(threshold.metric + str(threshold), step, threshold.steps):
                raised.append(Alarm(step, message, threshold.action))
        divergence = self._settings.divergence
        if divergence:
            message = self._diverges(divergence)
            if message and self._rings("divergence", step, divergence.steps):
                raised.append(Alarm(step, message, divergence.action))
        return raised

    def state(self) -> dict[str, Any]:
        return {"history": list(self._history), "rests": self._rests}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._history.clear()
        self._history.extend(state["history"])
        self._rests = dict(state["rests"])

    def _know(self, metrics: Mapping[str, float]) -> None:
        unknown = {threshold.metric for threshold in self._settings.thresholds} - set(metrics)
        if unknown:
            raise LedgerlineError(
                f"train.alarms: no metric {', '.join(sorted(unknown))}; there are: "
                f"{', '.join(sorted(metrics))}"
            )

    def _exceeds(self, threshold: Threshold) -> str | None:
        mean = self._mean(threshold.metric, -threshold.steps, None)
        if mean is None:
            return None
        over = f"{threshold.metric} averaged {mean:.4g} over {threshold.steps} steps"
        if threshold.above is not None and not mean <= threshold.above:
            return f"{over}, above {threshold.above:g}"
        if threshold.below is not None and not mean >= threshold.below:
            return f"{over}, below {threshold.below:g}"
        return None

    def _diverges(self, divergence: Divergence) -> str | None:
        steps = divergence.steps
        if len(self._history) < 2 * steps:
            return None
        changes = {}
        for metric in ("reward", "success"):
            before = self._mean(metric, -2 * steps, -steps)
            after = self._mean(metric, -steps, None)
            if before is None or after is None:
                return None
            changes[metric] = after - before
        if changes["reward"] >= divergence.reward and changes["success"] < divergence.success:
            return (
                f"reward rose by {changes['reward']:.3f} over {steps} steps while solved "
                f"rollouts changed by {changes['success']:+.3f}: read the rollouts for a hack"
            )
        return None

    def _mean(self, metric: str, start: int, stop: int | None) -> float | None:
        window = list(self._history)[start:stop]
        values = [metrics[metric] for metrics in window if metric in metrics]
        full = -start if stop is None else stop - start
        return sum(values) / len(values) if len(values) == full else None

    def _rings(self, key: str, step: int, rest: int) -> bool:
        if step < self._rests.get(key, 0):
            return False
        self._rests[key] = step + rest
        return True
