"""A second environment, with nothing of filings in it: repeat the word, or keep silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Limits
from ledgerline.environments.episode import Episode
from ledgerline.environments.transcript import Outcome, Transcript, Turn
from ledgerline.rewards.rubric import Reward
from ledgerline.training.rollouts import Rollout
from ledgerline.training.task import Task

WORDS = ("red", "green", "blue", "grey")


class Echo:
    """Look a word up, then say it."""

    instructions = "Say what look_up shows."
    final_tool = "say"

    def __init__(self) -> None:
        self.evidence: list[Mapping[str, Any]] = []
        self._word = ""

    def reset(self, word: str = "", **_: Any) -> str:
        """Begin with `word`."""
        self.evidence = []
        self._word = word
        return f"What is {word}?"

    def look_up(self, word: str) -> str:
        """Look a word up.

        Args:
            word: The word.

        Returns:
            The word, if it is the right one.
        """
        return word if word == self._word else "no such word"

    def say(self, answer: str) -> str:
        """End with a word.

        Args:
            answer: The word.

        Returns:
            Thanks.
        """
        return "thanks"


@dataclass(frozen=True)
class Question:
    id: str
    word: str
    kind: str = "echo"
    phrasing: str = "what"
    difficulty: float | None = None


QUESTIONS = [Question(f"q{index}", word) for index, word in enumerate(WORDS)]


def _right(transcript: Transcript, question: Question) -> bool:
    return transcript.outcome is Outcome.ANSWERED and transcript.answer == question.word


def _score(transcript: Transcript, question: Question) -> Reward:
    breakdown = {
        "right": float(_right(transcript, question)),
        "malformed": -0.5 * (transcript.outcome is Outcome.MALFORMED),
    }
    return Reward(sum(breakdown.values()), breakdown)


def _expert(question: Question):
    def script(_: str, turns: Sequence[Turn]) -> str:
        if not turns:
            return write_call("look_up", {"word": question.word})
        return write_call("say", {"answer": question.word})

    return script


TASK = Task(
    make=Echo,
    fields=lambda question: {"word": question.word},
    limits=Limits(turns=3, tokens=48, turn_tokens=20, refusals=1, noise=0.9, seconds=60),
    score=_score,
    succeeded=_right,
    expert=_expert,
)


def played(codec, question: Question, group: int, *turns: str, task: Task = TASK) -> Rollout:
    """A rollout whose policy wrote `turns`."""
    episode = Episode(task.make(), task.fields(question), codec, task.limits)
    for turn in turns:
        tokens = codec.encode_turn(turn)
        episode.advance(tokens, [-0.1] * len(tokens))
    transcript = episode.transcript()
    return Rollout(
        question,
        group,
        episode.tokens,
        episode.sampled,
        episode.logprobs,
        transcript,
        task.score(transcript, question),
        task.succeeded(transcript, question),
    )
