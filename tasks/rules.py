"""The rules and the pay of an episode, put together from params.

Apart from `tasks.practice`, so that a stage without a model doesn't wait for torch.
"""

from pathlib import Path

from ledgerline.environments.dialogue import Limits
from ledgerline.rewards.judge import JudgeSettings
from ledgerline.rewards.rubric import JUDGED, Rubric, RubricSettings
from tasks.params import Params

VERDICTS = Path("data/verdicts.jsonl")


class PracticeParams(Params):
    """The rules and the pay of an episode: what every stage that plays some reads."""

    limits: Limits
    rubric: RubricSettings
    judge: JudgeSettings | None


def rubric(params: PracticeParams) -> Rubric:
    """The rubric of params, with the judge where one is paid for."""
    if params.judge is None or JUDGED not in params.rubric.weights:
        return Rubric.from_settings(params.rubric)
    # The SDK takes a second to import, and most runs don't need it.
    import anthropic

    from ledgerline.rewards.claude_judge import ClaudeJudge, VerdictCache

    judge = ClaudeJudge(anthropic.Anthropic(), params.judge, VerdictCache(VERDICTS))
    return Rubric.from_settings(params.rubric, judge)
