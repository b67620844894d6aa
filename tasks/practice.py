"""The task that the policy is trained on, put together from params."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import orjson
import torch

from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.transcript import Transcript
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.filings.search import Search
from ledgerline.policy.engine import Sampling
from ledgerline.policy.policy import Policy, PolicySettings
from ledgerline.rewards.components import right_figure, right_silence
from ledgerline.rewards.degenerate import bungled, honest
from ledgerline.training.processes import Processes
from ledgerline.training.rollouts import roll_out
from ledgerline.training.task import Task
from ledgerline.training.trainer import RefreshableEngine
from tasks.rules import PracticeParams, rubric

DIFFICULTY = Path("data/rollouts/difficulty.json")
"""Pass rates of the base on the training examples that the stage warmup played, by id."""
GREEDY = Sampling(temperature=0.0, top_p=1.0)
AS_IN_PRACTICE = Sampling(temperature=1.0, top_p=1.0)


class PolicyParams(PracticeParams):
    """What stages that play with a policy read besides."""

    policy: PolicySettings


def filings_task(params: PracticeParams, search: Search) -> Task:
    """Completing figures from filings, with the rubric and the limits of params."""
    return Task(
        make=lambda: FilingsEnvironment(search),
        fields=episode_fields,
        limits=params.limits,
        score=rubric(params).score,
        succeeded=_succeeded,
        expert=honest,
        slip=lambda example, rng, turn: bungled(example, search, rng, turn),
    )


def success_rate(
    policy: Policy, engine: RefreshableEngine, task: Task, examples: list[Example]
) -> float:
    """Share of `examples` that the policy solves, greedily; all processes play their part.

    Raises `LedgerlineError` where there are none.
    """
    if not examples:
        raise LedgerlineError(
            "there are no validation examples to try the policy on; raise "
            "synthesize.counts.validation"
        )
    processes = Processes()
    engine.refresh(policy.model)
    mine = processes.share(examples)
    calm = _unhurried(task)
    rollouts = roll_out(engine, policy.codec, calm, mine, 1, GREEDY, torch.Generator())
    solved = processes.gather([rollout.succeeded for rollout in rollouts])
    return sum(solved) / len(solved)


def sampled(
    policy: Policy, engine: RefreshableEngine, task: Task, examples: list[Example], tries: int
) -> list[tuple[Example, list[Transcript]]]:
    """`examples`, each with `tries` episodes that the policy plays as it does in practice.

    All processes play their part, and all get the whole.
    """
    processes = Processes()
    engine.refresh(policy.model)
    generator = torch.Generator(device=policy.model.device).manual_seed(processes.rank)
    mine = processes.share(examples)
    calm = _unhurried(task)
    rollouts = roll_out(engine, policy.codec, calm, mine, tries, AS_IN_PRACTICE, generator)
    transcripts = processes.gather([rollout.transcript for rollout in rollouts])
    return [
        (example, transcripts[number * tries : (number + 1) * tries])
        for number, example in enumerate(examples)
    ]


def _unhurried(task: Task) -> Task:
    """`task` without a limit of time: played in thousands, an episode waits for all the others."""
    return replace(task, limits=task.limits.model_copy(update={"seconds": math.inf}))


def pass_rates(
    task: Task, episodes: Sequence[tuple[Example, Sequence[Transcript]]]
) -> dict[str, float]:
    """Example id → share of its episodes in which it was solved, 0 to 1: its difficulty."""
    return {
        example.id: fmean(task.succeeded(transcript, example) for transcript in transcripts)
        for example, transcripts in episodes
    }


def read_difficulty() -> dict[str, float]:
    """What the stage warmup measured; LedgerlineError where it did not run yet."""
    if not DIFFICULTY.is_file():
        raise LedgerlineError(f"{DIFFICULTY}: no such file; run the stage warmup first")
    rates: dict[str, float] = orjson.loads(DIFFICULTY.read_bytes())
    return rates


def _succeeded(transcript: Transcript, example: Example) -> bool:
    return bool(right_figure(transcript, example) or right_silence(transcript, example))
