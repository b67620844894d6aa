"""The task that the policy is trained on, put together from params."""

from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.transcript import Transcript
from ledgerline.examples.example import Example
from ledgerline.filings.search import Search
from ledgerline.rewards.components import right_figure, right_silence
from ledgerline.rewards.degenerate import honest
from ledgerline.rewards.rubric import Rubric, RubricSettings
from ledgerline.training.task import Task
from tasks.params import Params


class PracticeParams(Params):
    """The rules and the pay of an episode: what every stage that plays some reads."""

    limits: Limits
    rubric: RubricSettings


def filings_task(params: PracticeParams, search: Search) -> Task:
    """Completing figures from filings, with the rubric and the limits of params."""
    return Task(
        make=lambda: FilingsEnvironment(search),
        fields=episode_fields,
        limits=params.limits,
        score=Rubric.from_settings(params.rubric).score,
        succeeded=_succeeded,
        expert=honest,
    )


def _succeeded(transcript: Transcript, example: Example) -> bool:
    return bool(right_figure(transcript, example) or right_silence(transcript, example))
