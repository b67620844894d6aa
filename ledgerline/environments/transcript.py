"""What happened in one episode: its turns and its single outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How an episode ended. Abstaining is an act, never the absence of an answer."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    OUT_OF_TURNS = "out_of_turns"
    OUT_OF_TOKENS = "out_of_tokens"
    MALFORMED = "malformed"
    TOOL_FAILED = "tool_failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the policy and what came back.

    `tool` is None when no call could be read from `text`; `problem` then says why.
    A call that was read but refused (unknown tool, wrong arguments) has both.
    """

    text: str
    tool: str | None
    arguments: Mapping[str, Any]
    result: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """A finished episode.

    `evidence` holds one entry for each tool call that the environment answered, in order;
    its keys are the environment's own. `answer` is None unless the final tool was called.
    """

    prompt: str
    turns: tuple[Turn, ...]
    outcome: Outcome
    answer: str | None
    evidence: tuple[Mapping[str, Any], ...]
    sampled_tokens: int
