"""The reward: a weighted sum of named components that always comes with its breakdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import field_validator

from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.rewards.components import COMPONENTS
from ledgerline.rewards.judge import Judge, JudgeSettings, Question
from ledgerline.settings import Settings

JUDGED = "judged"
"""The component that a judge fills: 1 where it passes the answer."""
VERDICTS = Path("data/verdicts.jsonl")
"""Where the judge's verdicts are kept."""


class RubricSettings(Settings):
    """`weights`: component → weight; a component that isn't named is not paid for."""

    weights: dict[str, float]

    @field_validator("weights")
    @classmethod
    def _known(cls, weights: dict[str, float]) -> dict[str, float]:
        known = {*COMPONENTS, JUDGED}
        unknown = sorted(set(weights) - known)
        if unknown:
            raise ValueError(f"unknown components {unknown}; there are {sorted(known)}")
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
    """Scores finished episodes; with a weight for `judged`, by asking a judge too."""

    def __init__(self, weights: Mapping[str, float], judge: Judge | None = None):
        if JUDGED in weights and judge is None:
            raise LedgerlineError(
                f"rubric.weights in params.yaml pays for {JUDGED!r}, and there is no judge; add a "
                "section judge or take the weight out."
            )
        self.weights = dict(weights)
        self._judge = judge
        self._paid = {name: COMPONENTS[name] for name in self.weights if name != JUDGED}

    @classmethod
    def from_settings(cls, settings: RubricSettings, judge: JudgeSettings | None) -> "Rubric":
        """The rubric of params, with the judge where one is paid for."""
        if judge is None or JUDGED not in settings.weights:
            return cls(settings.weights)
        # The SDK takes a second to import, and most runs don't need it.
        import anthropic

        from ledgerline.rewards.claude_judge import ClaudeJudge, VerdictCache

        client = anthropic.Anthropic()
        return cls(settings.weights, ClaudeJudge(client, judge, VerdictCache(VERDICTS)))

    def measure(self, transcript: Transcript, example: Example) -> dict[str, float]:
        """Each component's value, before its weight."""
        return {name: function(transcript, example) for name, function in self._paid.items()}

    def score(self, transcript: Transcript, example: Example) -> Reward:
        """The reward of an episode of `example`; ungraded where a tool or the judge failed."""
        measured = self.measure(transcript, example)
        graded = transcript.outcome is not Outcome.TOOL_FAILED
        if self._judge is not None and JUDGED in self.weights and transcript.answer is not None:
            question = Question(example.prompt, transcript.answer, example.completion)
            judgement = self._judge.judge(question)
            graded = graded and judgement is not None
            measured[JUDGED] = float(judgement is not None and judgement.right)
        # Adding 0.0 turns the -0.0 of an absent penalty into 0.0.
        breakdown = {name: self.weights[name] * value + 0.0 for name, value in measured.items()}
        return Reward(total=sum(breakdown.values()), breakdown=breakdown, graded=graded)
