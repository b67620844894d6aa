"""The loss of imitating an expert's episodes: of the warm-up, and beside practice."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from pydantic import Field
from transformers import PreTrainedModel

from ledgerline.policy.policy import Policy
from ledgerline.training.batches import autocast, logprobs, scored_values, split
from ledgerline.training.demonstrations import Demonstration, SlipSettings, demonstration
from ledgerline.training.processes import Processes
from ledgerline.training.task import Item, Task

_FORETOLD = 3
"""One token in so many of those that are only read is foretold, for as many times the weight."""


class BesideSettings(SlipSettings):
    """Demonstrations beside practice: at each step the expert plays `number` more of the prompts,
    0 for none, and imitating it counts `weight` beside the policy's own rollouts. `updates`: how
    often a step does so; the first is the rollouts' too, and what follows them is cheap beside
    playing. `reading`: weight of a token that is only read, beside one that the policy chooses.
    """

    number: int = Field(ge=0)
    updates: int = Field(ge=1)
    weight: float
    reading: float = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Expert:
    """Plays beside practice what is to be imitated. `seed`: of what it plays and how; the other
    fields are as in `imitate`.
    """

    policy: Policy
    task: Task
    items: Sequence[Item]
    settings: BesideSettings
    batch_tokens: int
    dtype: torch.dtype
    seed: int

    def play(self, updates: Sequence[int]) -> list[list[Demonstration]]:
        """What it shows in the updates of those numbers; each process plays its part.

        It follows from the numbers, so that all processes and a resumed run draw alike.
        """
        processes = Processes()
        mine = []
        for update in updates:
            chosen = self.turn_of(update)
            mine.append(
                [
                    demonstration(self.policy.codec, self.task, item, chosen, self.settings, update)
                    for item in processes.share(chosen)
                ]
            )
        parts = processes.gather([mine])
        return [[one for part in update for one in part] for update in zip(*parts, strict=True)]

    def turn_of(self, update: int) -> list[Item]:
        """The items whose turn it is: all of them are shown before any is again."""
        number = min(self.settings.number, len(self.items))
        places = range(update * number, (update + 1) * number)
        rounds = ((place // len(self.items), place % len(self.items)) for place in places)
        return [self.items[_order(len(self.items), self.seed, turn)[at]] for turn, at in rounds]

    def imitate(self, shown: Sequence[Demonstration]) -> float:
        """Add the gradient of imitating what was shown; this process's part of the mean loss."""
        return imitate(
            self.policy.plain,
            shown,
            self.batch_tokens,
            self.dtype,
            self.settings.reading,
            self.settings.weight,
        )


@lru_cache(maxsize=4)
def _order(count: int, seed: int, turn: int) -> list[int]:
    order = list(range(count))
    random.Random(f"{seed}:{turn}").shuffle(order)
    return order


def imitate(
    model: PreTrainedModel,
    demonstrations: Sequence[Demonstration],
    batch_tokens: int,
    dtype: torch.dtype,
    reading: float = 0.0,
    weight: float = 1.0,
) -> float:
    """Add `weight` times the gradient of the mean loss over the demonstrations' sampled tokens.

    Of several processes each computes its part of that mean, which is returned, and of the
    gradients: both are left to be summed. What was only read adds its part by `reading`, in a
    sample of its tokens; the loss that is returned is of the sampled tokens alone. The batch is a
    random one, cut into pieces of similar length only to save padding: batches of one length each
    would hold answers given at once or answers looked up, never both, and the policy would learn
    whichever came last.
    """
    processes = Processes()
    number = sum(sum(demonstration.sampled) for demonstration in demonstrations)
    mine = processes.deal(sorted(demonstrations, key=lambda one: -len(one.tokens)))
    total = 0.0
    for piece in split(
        [one.tokens for one in mine],
        [_learnt(one, reading) for one in mine],
        batch_tokens,
        model.device,
    ):
        with autocast(model.device, dtype):
            found, _ = logprobs(model, piece, temperature=1.0, entropies=False)
        own = scored_values(piece, [one.sampled for one in mine])
        loss = -(found * (own + _FORETOLD * reading * (1 - own))).sum() / number
        (weight * loss).backward()  # type: ignore[no-untyped-call]
        total -= float((found.detach() * own).sum() / number)
    return total


def _learnt(demonstration: Demonstration, reading: float) -> list[bool]:
    """Which tokens of a demonstration have a part in the loss; nothing foretells the first."""
    if not reading:
        return demonstration.sampled
    number = len(demonstration.tokens)
    read = [place > 0 and (place + number) % _FORETOLD == 0 for place in range(number)]
    return [
        own or (sampled and not slipped)
        for own, sampled, slipped in zip(
            demonstration.sampled, read, demonstration.slipped, strict=True
        )
    ]
