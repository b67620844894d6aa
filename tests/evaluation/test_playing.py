"""How a policy plays the evaluation's examples: alone against the clock, side by side without."""

from ledgerline.environments.transcript import Outcome
from ledgerline.evaluation.playing import GREEDY, engine_player
from tests.training.conftest import new_policy
from tests.training.echo import QUESTIONS, TASK
from tests.training.one_of_many import ReadAloud


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
