"""The loss of imitating an expert's episodes: of the warm-up, and beside practice."""

from collections.abc import Sequence

import torch
from pydantic import Field
from transformers import PreTrainedModel

from ledgerline.training.batches import autocast, logprobs, scored_values, split
from ledgerline.training.demonstrations import Demonstration, SlipSettings
from ledgerline.training.processes import Processes


class BesideSettings(SlipSettings):
    """Demonstrations beside practice: at each step the expert plays `number` more of the prompts,
    0 for none, and imitating it counts `weight` beside the policy's own rollouts. `updates`: how
    often a step does so; the first is the rollouts' too, and what follows them is cheap beside
    playing.
    """

    number: int = Field(ge=0)
    updates: int = Field(ge=1)
    weight: float


def imitate(
    model: PreTrainedModel,
    demonstrations: Sequence[Demonstration],
    batch_tokens: int,
    dtype: torch.dtype,
    reading: float = 0.0,
    weight: float = 1.0,
) -> float:
    """Add `weight` times the gradient of the mean loss over the demonstrations' sampled tokens.

    Returns that mean, of all processes; each computes its part, and gradients are left to be
    summed over them. What was only read adds its part by `reading`; the loss that is returned is of
    the sampled tokens alone. The batch is a random one, cut into pieces of similar length only to
    save padding: batches of one length each would hold answers given at once or answers looked
    up, never both, and the policy would learn whichever came last.
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
            found, _ = logprobs(model, piece, temperature=1.0)
        own = scored_values(piece, [one.sampled for one in mine])
        loss = -(found * (own + reading * (1 - own))).sum() / number
        (weight * loss).backward()  # type: ignore[no-untyped-call]
        total -= float((found.detach() * own).sum() / number)
    return sum(processes.gather([total]))


def _learnt(demonstration: Demonstration, reading: float) -> list[bool]:
    """Which tokens of a demonstration have a part in the loss; nothing foretells the first."""
    if not reading:
        return demonstration.sampled
    return [False, *(not slipped for slipped in demonstration.slipped[1:])]
