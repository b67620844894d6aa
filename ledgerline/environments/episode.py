"""One episode as tokens: the history that an engine extends and a trainer learns from."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

from ledgerline.environments.dialogue import Dialogue, Limits
from ledgerline.environments.environment import Environment, tool_schemas
from ledgerline.environments.transcript import Transcript, Turn

_CHOSEN = '"arguments"'


class Codec(Protocol):
    """Text to tokens and back, in the policy's own chat template."""

    end_of_turn: int

    def prompt(self, system: str, user: str, tools: list[dict[str, Any]]) -> list[int]:
        """Tokens up to the point where the policy's first turn begins."""
        ...

    def tool_result(self, text: str) -> list[int]:
        """Tokens between the end of a turn and the start of the next: the tool's reply."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of one turn, without its end-of-turn token."""
        ...


class Episode:
    """Token in, token out: `tokens` is only ever appended to, never re-tokenised.

    `sampled[i]` says whether the policy chose `tokens[i]` (only those are trained on) and
    `logprobs[i]` is its log-probability when it was chosen, 0 elsewhere.
    """

    def __init__(
        self, environment: Environment, example: Mapping[str, Any], codec: Codec, limits: Limits
    ):
        self._codec = codec
        self._dialogue = Dialogue(environment, example, limits)
        self.tokens = codec.prompt(
            environment.instructions, self._dialogue.opening, tool_schemas(type(environment))
        )
        self.prompt_length = len(self.tokens)
        self.sampled = [False] * self.prompt_length
        self.logprobs = [0.0] * self.prompt_length

    @property
    def over(self) -> bool:
        """Whether the episode has its outcome."""
        return self._dialogue.outcome is not None

    @property
    def turn_budget(self) -> int:
        """Tokens that the next turn may sample, at least 1."""
        limits = self._dialogue.limits
        return max(1, min(limits.turn_tokens, limits.tokens - self._dialogue.sampled_tokens))

    @property
    def so_far(self) -> tuple[str, Sequence[Turn]]:
        """The user's message and the turns so far, as a script sees them."""
        return self._dialogue.opening, self._dialogue.turns

    def advance(
        self, tokens: Sequence[int], logprobs: Sequence[float], sampled: bool = True
    ) -> list[int]:
        """Take one turn; return the tokens appended after it, none when it was the last.

        A turn is complete when it ends in the codec's end-of-turn token. `sampled` is False for a
        turn that was put into the policy's mouth.
        """
        self._append(tokens, logprobs, sampled)
        complete = bool(tokens) and tokens[-1] == self._codec.end_of_turn
        text = self._codec.decode(tokens[:-1] if complete else tokens)
        reply = self._dialogue.say(text, len(tokens), complete)
        if reply is None:
            return []
        appended = self._codec.tool_result(reply)
        self._append(appended, [0.0] * len(appended), sampled=False)
        return appended

    @property
    def choices(self) -> list[float]:
        """Log-probability of each sampled turn's choice of a tool: of its tokens up to the tool's
        arguments, or of all of them where it names none.
        """
        found = []
        for sampled, places in groupby(range(len(self.tokens)), self.sampled.__getitem__):
            if sampled:
                turn = list(places)
                tokens = [self.tokens[place] for place in turn]
                chosen = len(turn)
                for number in range(1, len(turn)):
                    if _CHOSEN in self._codec.decode(tokens[:number]):
                        chosen = number
                        break
                found.append(sum(self.logprobs[place] for place in turn[:chosen]))
        return found

    def transcript(self) -> Transcript:
        """What happened, once the episode is over."""
        return self._dialogue.transcript()

    def _append(self, tokens: Sequence[int], logprobs: Sequence[float], sampled: bool) -> None:
        self.tokens.extend(tokens)
        self.logprobs.extend(logprobs)
        self.sampled.extend([sampled] * len(tokens))
