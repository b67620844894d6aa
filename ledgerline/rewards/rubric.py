"""The reward: a weighted sum of named components that always comes with its breakdown."""

from dataclasses import dataclass

from pydantic import field_validator

from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.examples.example import Example
from ledgerline.rewards.components import COMPONENTS
from ledgerline.settings import Settings


class RubricSettings(Settings):
    """`weights`: component → weight; a component that isn't named is not paid for."""

    weights: dict[str, float]

    @field_validator("weights")
    @classmethod
    def _known(cls, weights: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(weights) - set(COMPONENTS))
        if unknown:
            raise ValueError(f"unknown components {unknown}; there are {sorted(COMPONENTS)}")
        return weights


@dataclass(frozen=True, slots=True)
class Reward:
    """What an episode earned; `breakdown` sums to `total`.

    Where `graded` is False something other than the policy failed: the episode says nothing
    about it, and must be left out rather than counted as zero.
    """

    total: float
    breakdown: dict[str, float]
    graded: bool = True


class Rubric:
    """Scores finished episodes."""

    def __init__(self, weights: dict[str, float]):
        self.weights = dict(weights)
        self._paid = {name: COMPONENTS[name] for name in self.weights}

    @classmethod
    def from_settings(cls, settings: RubricSettings) -> "Rubric":
        """The rubric of a params section."""
        return cls(settings.weights)

    def measure(self, transcript: Transcript, example: Example) -> dict[str, float]:
        """Each component's value, before its weight."""
        return {name: function(transcript, example) for name, function in self._paid.items()}

    def score(self, transcript: Transcript, example: Example) -> Reward:
        """The reward of an episode of `example`; ungraded where a tool failed."""
        measured = self.measure(transcript, example)
        # Adding 0.0 turns the -0.0 of an absent penalty into 0.0.
        breakdown = {name: self.weights[name] * value + 0.0 for name, value in measured.items()}
        return Reward(
            total=sum(breakdown.values()),
            breakdown=breakdown,
            graded=transcript.outcome is not Outcome.TOOL_FAILED,
        )
