"""Rollouts: episodes that a policy played, with what they earned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from ledgerline.environments.episode import Codec, Episode
from ledgerline.environments.transcript import Transcript
from ledgerline.policy.engine import Interaction, Sampling
from ledgerline.rewards.rubric import Reward
from ledgerline.training.task import Item, Task


class Engine(Protocol):
    """Plays interactions to their end; `EmbeddedEngine` is one."""

    def play(
        self, interactions: Sequence[Interaction], sampling: Sampling, generator: torch.Generator
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """One episode of one item. `group` numbers the item among those played together.

    `tokens`, `sampled` and `logprobs` run over the whole history; only tokens with `sampled`
    true were chosen by the policy. `given`: turns at the beginning that were not.
    """

    item: Item
    group: int
    tokens: list[int]
    sampled: list[bool]
    logprobs: list[float]
    transcript: Transcript
    reward: Reward
    succeeded: bool
    given: int = 0


def roll_out(
    engine: Engine,
    codec: Codec,
    task: Task,
    items: Sequence[Any],
    group_size: int,
    sampling: Sampling,
    generator: torch.Generator,
    begun: Sequence[Sequence[int]] = (),
) -> list[Rollout]:
    """Play every item `group_size` times; rollouts of a group stand side by side.

    `begun` gives each item the tokens of a first turn that the policy did not choose, if any.
    """
    episodes = [
        (group, item, Episode(task.make(), task.fields(item), codec, task.limits))
        for group, item in enumerate(items)
        for _ in range(group_size)
    ]
    for group, _, episode in episodes:
        if begun and begun[group]:
            episode.advance(begun[group], [0.0] * len(begun[group]), sampled=False)
    engine.play([episode for _, _, episode in episodes], sampling, generator)
    rollouts = []
    for group, item, episode in episodes:
        transcript = episode.transcript()
        rollouts.append(
            Rollout(
                item=item,
                group=group,
                tokens=episode.tokens,
                sampled=episode.sampled,
                logprobs=episode.logprobs,
                transcript=transcript,
                reward=task.score(transcript, item),
                succeeded=task.succeeded(transcript, item),
                given=int(bool(begun) and bool(begun[group])),
            )
        )
    return rollouts
