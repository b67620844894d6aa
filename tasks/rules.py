"""The rules and the pay of an episode, put together from params.

Apart from `tasks.practice`, so that a stage without a model doesn't wait for torch.
"""

from ledgerline.environments.dialogue import Limits
from ledgerline.rewards.judge import JudgeSettings
from ledgerline.rewards.rubric import Rubric, RubricSettings
from tasks.params import Params


class PracticeParams(Params):
    """The rules and the pay of an episode: what every stage that plays some reads."""

    limits: Limits
    rubric: RubricSettings
    judge: JudgeSettings | None


def rubric(params: PracticeParams) -> Rubric:
    """The rubric of params, with the judge where one is paid for."""
    return Rubric.from_settings(params.rubric, params.judge)
