"""Playing an episode with a script: the audit's policies, the baselines, a person."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledgerline.environments.dialogue import Dialogue, Limits
from ledgerline.environments.environment import Environment
from ledgerline.environments.transcript import Transcript, Turn

Script = Callable[[str, Sequence[Turn]], str]
"""(user's message, turns so far) → the text of the next turn."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A turn that went wrong from its beginning up to `rest`, which is how to make the best of it.

    Where `rest` is empty, nothing of the turn is worth imitating.
    """

    wrong: str
    rest: str = ""

    @property
    def text(self) -> str:
        """The whole turn."""
        return self.wrong + self.rest


def play(
    environment: Environment, example: Mapping[str, Any], limits: Limits, script: Script
) -> Transcript:
    """Play one episode through the same rules that a model meets.

    A script samples no tokens; four characters count as one, as English text roughly does.
    """
    dialogue = Dialogue(environment, example, limits)
    while dialogue.outcome is None:
        text = script(dialogue.opening, dialogue.turns)
        tokens = len(text) // 4 + 1
        room = min(limits.turn_tokens, limits.tokens - dialogue.sampled_tokens)
        if tokens > room:
            dialogue.say(text[: 4 * room], room, complete=False)
        else:
            dialogue.say(text, tokens)
    return dialogue.transcript()
