"""How a policy plays the evaluation's examples: alone against the clock, side by side without; and
how sure it was: of its choices and digits in full, of spelling by a small part.
"""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from ledgerline.environments.transcript import Outcome
from ledgerline.evaluation.playing import GREEDY, confidence, engine_player
from tests.training.conftest import new_policy
from tests.training.echo import QUESTIONS, TASK
from tests.training.one_of_many import ReadAloud

TOKENS = ("figure", "search(", "Acme", "2", "0", "2", "3", "answer(", "$", "7", "9")
CODEC: Any = SimpleNamespace(decode=lambda tokens: "".join(TOKENS[token] for token in tokens))


def test_only_what_is_played_alone_can_run_out_of_time() -> None:
    codec = new_policy().codec
    player = engine_player(
        ReadAloud(codec),
        codec,
        TASK.make,
        TASK.fields,
        TASK.limits.model_copy(update={"seconds": 0.0}),
        GREEDY,
        timed=1,
        seed=1,
        dollars_per_hour=0.1,
    )
    # Whoever comes first in a call of the engine looks something up before it answers.
    alone, looked_up, *_ = player(QUESTIONS[:4])
    assert alone.transcript.outcome is not Outcome.ANSWERED
    assert alone.seconds is not None
    assert len(looked_up.transcript.turns) == 2
    assert looked_up.transcript.outcome is Outcome.ANSWERED
    assert looked_up.seconds is None


def episode(**unsure: float) -> Any:
    """An episode that was sure of each token but those named, of which it read the first "2"."""
    chances = [unsure.get(token, 1.0) for token in TOKENS]
    logprobs = [math.log(chance) for chance in chances]
    return SimpleNamespace(
        tokens=range(len(TOKENS)),
        logprobs=[0.0 if place == 3 else logprob for place, logprob in enumerate(logprobs)],
        sampled=[place != 3 for place in range(len(TOKENS))],
        choices=[logprobs[0] + logprobs[1], logprobs[7]],
    )


@pytest.mark.parametrize("token", ["figure", "search(", "3", "answer(", "9"])
def test_a_doubtful_choice_or_digit_makes_the_answer_as_doubtful(token: str) -> None:
    assert confidence(episode(**{token: 0.4}), CODEC) == pytest.approx(0.4)


def test_a_doubtful_spelling_makes_it_a_little_less_sure() -> None:
    assert 0.8 < confidence(episode(Acme=0.4), CODEC) < 1
    assert confidence(episode(), CODEC) == 1
