"""Token sequences into padded micro-batches of bounded size, and their log-probabilities.

The rollouts of a group begin with the same prompt, which is most of their tokens: in a batch of
groups each prompt is taken in once, and what follows it attends to its keys and values.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ledgerline.policy.packed import pack, packed_states, runs_packed
from ledgerline.training.likelihood import likelihood


@dataclass(frozen=True, slots=True)
class Prompts:
    """Beginnings that several sequences share: tokens and attention [prompts, length], padded on
    the left, so that all end together. `owner` [size] names each sequence's prompt.
    """

    tokens: Tensor
    attention: Tensor
    owner: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """`size` sequences padded to the longest: tokens and attention [size, length].

    `scored` [size, length] marks the tokens whose probability matters: those that the policy
    chose, if not more. `index` [size] gives each
    row's place in the sequences that were split. With `prompts`, the rows hold only what follows
    them: each sequence from its place `start` [size] on.
    """

    tokens: Tensor
    attention: Tensor
    scored: Tensor
    index: list[int]
    start: list[int]
    prompts: Prompts | None = None

    @property
    def size(self) -> int:
        return len(self.index)


def split(
    tokens: Sequence[Sequence[int]],
    scored: Sequence[Sequence[bool]],
    budget: int,
    device: torch.device,
) -> list[Batch]:
    """Micro-batches of at most `budget` tokens, padding included, longest sequences first.

    Sorted by length there is little padding; longest first, what does not fit in memory fails
    at once and not after an hour.
    """
    order = sorted(range(len(tokens)), key=lambda index: (-len(tokens[index]), index))
    batches: list[Batch] = []
    done = 0
    while done < len(order):
        longest = len(tokens[order[done]])
        index = order[done : done + max(1, budget // longest)]
        done += len(index)
        batches.append(_batch(tokens, scored, index, [0] * len(index), device))
    return batches


def split_groups(
    tokens: Sequence[Sequence[int]],
    scored: Sequence[Sequence[bool]],
    group_size: int,
    budget: int,
    device: torch.device,
) -> list[Batch]:
    """The same for sequences of which each `group_size` in a row begin with the same prompt.

    The prompt ends at the first token that is scored. A group is never divided, so that a batch
    of one group may exceed the budget.
    """
    groups = [range(first, first + group_size) for first in range(0, len(tokens), group_size)]
    starts = [scored[group[0]].index(True) for group in groups]
    longest = [
        max(len(tokens[row]) for row in group) - start
        for group, start in zip(groups, starts, strict=True)
    ]
    order = sorted(range(len(groups)), key=lambda group: (-longest[group], group))
    batches: list[Batch] = []
    while order:
        chosen = [order.pop(0)]
        while order:
            prompt = max(starts[group] for group in (*chosen, order[0]))
            if (len(chosen) + 1) * (prompt + group_size * longest[chosen[0]]) > budget:
                break
            chosen.append(order.pop(0))
        index = [row for group in chosen for row in groups[group]]
        start = [starts[group] for group in chosen for _ in groups[group]]
        prompts = _prompts(
            [tokens[groups[group][0]][: starts[group]] for group in chosen], group_size, device
        )
        batches.append(_batch(tokens, scored, index, start, device, prompts))
    return batches


def _batch(
    tokens: Sequence[Sequence[int]],
    scored: Sequence[Sequence[bool]],
    index: list[int],
    start: list[int],
    device: torch.device,
    prompts: Prompts | None = None,
) -> Batch:
    rows = list(zip(index, start, strict=True))
    lengths = torch.tensor([len(tokens[row]) - first for row, first in rows], device=device)
    longest = int(lengths.max())
    return Batch(
        tokens=_pad([tokens[row][first:] for row, first in rows], longest, device).long(),
        attention=torch.arange(longest, device=device) < lengths[:, None],
        scored=_pad([scored[row][first:] for row, first in rows], longest, device).bool(),
        index=index,
        start=start,
        prompts=prompts,
    )


def _prompts(prompts: Sequence[Sequence[int]], group_size: int, device: torch.device) -> Prompts:
    longest = max(map(len, prompts))
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    return Prompts(
        tokens=torch.tensor(
            [[*[0] * (longest - len(prompt)), *prompt] for prompt in prompts], device=device
        ),
        attention=torch.arange(longest, device=device) >= longest - lengths[:, None],
        owner=torch.arange(len(prompts), device=device).repeat_interleave(group_size),
    )


def _pad(rows: Sequence[Sequence[float]], length: int, device: torch.device) -> Tensor:
    return torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=device)


def scored_values(batch: Batch, values: Sequence[Sequence[float]]) -> Tensor:
    """Per-token `values` of the batch's sequences at its scored tokens, in row order: [tokens]."""
    rows = [values[row][first:] for row, first in zip(batch.index, batch.start, strict=True)]
    return _pad(rows, batch.tokens.shape[1], batch.tokens.device).float()[batch.scored]


def logprobs(
    model: PreTrainedModel, batch: Batch, temperature: float, entropies: bool = True
) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of a batch's scored tokens, in row order: both [tokens].

    Only the former have a gradient; the latter are 0 without `entropies`. Scores are made for these
    tokens alone: those of a whole history would be most of the memory.
    """
    states = _states(model, batch)
    dtype = _working_dtype(states)
    head = model.get_output_embeddings().weight.to(dtype)
    return likelihood(
        states.to(dtype), head, batch.tokens[batch.scored], temperature, entropies=entropies
    )


def _working_dtype(states: Tensor) -> torch.dtype:
    """What matrices are multiplied in, here and now."""
    device = states.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype


def _states(model: PreTrainedModel, batch: Batch) -> Tensor:
    """The hidden states before the scored tokens: [tokens, width].

    The token at position t is foretold by the state at t − 1.
    """
    if runs_packed(model):
        return _states_packed(model, batch)
    decoder: Any = model.get_decoder()
    if batch.prompts is None:
        hidden = decoder(
            input_ids=batch.tokens, attention_mask=batch.attention.long(), use_cache=False
        ).last_hidden_state
        states: Tensor = hidden[:, :-1][batch.scored[:, 1:]]
        return states
    prompts, owner = batch.prompts, batch.prompts.owner
    positions = prompts.attention.long().cumsum(1) - 1
    begun = decoder(
        input_ids=prompts.tokens,
        attention_mask=prompts.attention.long(),
        position_ids=positions.clamp(min=0),
        use_cache=True,
    )
    begun.past_key_values.batch_select_indices(owner)
    length = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
    rest = decoder(
        input_ids=batch.tokens,
        attention_mask=torch.cat((prompts.attention[owner], batch.attention), 1).long(),
        position_ids=positions[owner, -1:] + 1 + length,
        past_key_values=begun.past_key_values,
        use_cache=True,
    )
    before = torch.cat((begun.last_hidden_state[owner, -1:], rest.last_hidden_state[:, :-1]), 1)
    chosen: Tensor = before[batch.scored]
    return chosen


def _states_packed(model: PreTrainedModel, batch: Batch) -> Tensor:
    """The same without padding, by our own forward and backward pass."""
    lengths = batch.attention.sum(1).tolist()
    rows = [row[:length] for row, length in zip(batch.tokens.tolist(), lengths, strict=True)]
    prompts: list[list[int]] = []
    begins: list[int | None] = [None] * batch.size
    if batch.prompts:
        lengths = batch.prompts.attention.sum(1).tolist()
        padded = batch.prompts.tokens.tolist()
        prompts = [row[-length:] for row, length in zip(padded, lengths, strict=True)]
        begins = batch.prompts.owner.tolist()
    packed = pack(model, [*prompts, *rows], [*[None] * len(prompts), *begins])
    row, place = batch.scored.nonzero(as_tuple=True)
    first = torch.tensor(packed.first[len(prompts) :])
    before = first[row] + place - 1
    if batch.prompts:
        ends = torch.tensor(packed.first[1 : len(prompts) + 1]) - 1
        before = torch.where(place > 0, before, ends[batch.prompts.owner][row])
    return packed_states(
        model, packed, before, _working_dtype(model.get_output_embeddings().weight)
    )


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """Matrix products in `dtype`; weights and their updates stay as they are."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
