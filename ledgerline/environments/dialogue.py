"""One episode as text: the policy speaks, the environment replies, one outcome ends it."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from ledgerline.environments.calls import CallError, read_call
from ledgerline.environments.environment import Environment, tools_of
from ledgerline.environments.transcript import Outcome, Transcript, Turn
from ledgerline.settings import Settings

SHORT = 40
"""Characters below which a text is never noise."""


class Limits(Settings):
    """What ends an episode that does not end itself.

    `turns`: turns of the policy. `tokens`: tokens that it may sample in all.
    `turn_tokens`: tokens that it may sample in one turn. `refusals`: calls that may be refused
    before the episode is malformed. `noise`: share of a turn's characters, between 0 and 1,
    that may be non-ASCII or repeated. `seconds`: wall-clock time since the first turn was taken.
    """

    turns: int
    tokens: int
    turn_tokens: int
    refusals: int
    noise: float
    seconds: float


class Dialogue:
    """The rules of an episode, whoever speaks: a model, a script or a person.

    `opening` is the user's message. `say` takes what the policy wrote in one turn and returns
    the tool's reply, or None when the episode is over; `outcome` is then set, exactly once.
    """

    def __init__(
        self,
        environment: Environment,
        example: Mapping[str, Any],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.environment = environment
        self.limits = limits
        self.opening = environment.reset(**example)
        self.turns: list[Turn] = []
        self.outcome: Outcome | None = None
        self.answer: str | None = None
        self.sampled_tokens = 0
        self._tools = tools_of(environment)
        self._refusals = 0
        self._clock = clock
        self._deadline = math.inf

    def say(self, text: str, tokens: int, complete: bool = True) -> str | None:
        """Take one turn of `tokens` sampled tokens; `complete` is False when it was cut off."""
        if self.outcome is not None:
            raise RuntimeError("the episode is over")
        if not self.turns:  # not before: an episode may wait long for its engine
            self._deadline = self._clock() + self.limits.seconds
        self.sampled_tokens += tokens
        if not complete:
            self._end(Outcome.OUT_OF_TOKENS, text, "the turn was cut off")
            return None
        if noise(text) > self.limits.noise:
            self._end(Outcome.MALFORMED, text, "non-ASCII or repeated text")
            return None
        reply = self._act(text)
        if self.outcome is None:
            self._apply_limits()
        return None if self.outcome else reply

    def transcript(self) -> Transcript:
        """The finished episode."""
        if self.outcome is None:
            raise RuntimeError("the episode is not over")
        return Transcript(
            prompt=self.opening,
            turns=tuple(self.turns),
            outcome=self.outcome,
            answer=self.answer,
            evidence=tuple(self.environment.evidence),
            sampled_tokens=self.sampled_tokens,
        )

    def _act(self, text: str) -> str:
        try:
            call = read_call(text, self._tools)
        except CallError as problem:
            return self._refuse(text, problem)
        try:
            result = self._tools[call.tool](**call.arguments)
        except Exception as error:  # the tool's own fault, whatever it is, ends the episode
            fault = f"{type(error).__name__}: {error}"
            self.turns.append(Turn(text, call.tool, call.arguments, "", fault))
            self.outcome = Outcome.TOOL_FAILED
            return ""
        self.turns.append(Turn(text, call.tool, call.arguments, result))
        if call.tool == self.environment.final_tool:
            (self.answer,) = call.arguments.values()
            self.outcome = Outcome.ANSWERED if self.answer.strip() else Outcome.ABSTAINED
        return result

    def _refuse(self, text: str, problem: CallError) -> str:
        self._refusals += 1
        self.turns.append(Turn(text, problem.tool, problem.arguments, str(problem), str(problem)))
        if self._refusals > self.limits.refusals:
            self.outcome = Outcome.MALFORMED
        return str(problem)

    def _apply_limits(self) -> None:
        if len(self.turns) >= self.limits.turns or self._clock() > self._deadline:
            self.outcome = Outcome.OUT_OF_TURNS
        elif self.sampled_tokens >= self.limits.tokens:
            self.outcome = Outcome.OUT_OF_TOKENS

    def _end(self, outcome: Outcome, text: str, problem: str) -> None:
        self.turns.append(Turn(text, None, {}, "", problem))
        self.outcome = outcome


def noise(text: str) -> float:
    """The larger of two shares, between 0 and 1: non-ASCII characters, and repeated 8-grams."""
    return max(non_ascii(text), repeated(text))


def non_ascii(text: str) -> float:
    """Share of characters that are not ASCII; 0 for a short text: figures carry a "€" or a "−"."""
    if len(text) < SHORT or text.isascii():
        return 0.0
    return sum(not character.isascii() for character in text) / len(text)


def repeated(text: str) -> float:
    """Share of 8-grams that stood before; 0 for a short text: calls repeat their keys."""
    if len(text) < SHORT:
        return 0.0
    grams = len(text) - 7
    return 1 - len({text[start : start + 8] for start in range(grams)}) / grams
