"""A few prompts played greedily now and then, the same ones all along: to read side by side."""

from collections.abc import Sequence

import torch
from pydantic import Field

from ledgerline.environments.episode import Codec
from ledgerline.policy.engine import Sampling
from ledgerline.settings import Settings
from ledgerline.training.rollouts import Engine, Rollout, roll_out
from ledgerline.training.task import Item, Task

GREEDY = Sampling(temperature=0.0, top_p=1.0)


class ProbeSettings(Settings):
    """How many prompts are watched (0: none), and every how many steps; they teach nothing."""

    prompts: int = Field(ge=0)
    every: int = Field(ge=1)


def play_probes(
    engine: Engine,
    codec: Codec,
    task: Task,
    items: Sequence[Item],
    settings: ProbeSettings,
    step: int,
) -> list[Rollout]:
    """The watched ones of `items`, evenly spread, where they are due at `step`; else none."""
    if not settings.prompts or step % settings.every:
        return []
    apart = max(1, len(items) // settings.prompts)
    watched = items[::apart][: settings.prompts]
    return roll_out(engine, codec, task, watched, 1, GREEDY, torch.Generator())
