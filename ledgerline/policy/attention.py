"""Causal attention among sequences that lie end to end, forward and backward.

Sequences of like length form a block, padded to its longest: nothing else is padded. Its queries,
keys and values are gathered by index, so that many sequences may go on from one beginning, and
gradients are added where they were gathered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ledgerline.policy.decoder import round_up

_FILLED = 0.8
"""A sequence shorter than this share of a block's longest begins the next block."""
_PLACES = 16
"""Blocks are as wide as a multiple of this, see `round_up`."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Heads of queries, and of keys and values; how many numbers each holds."""

    query: int
    kv: int
    width: int

    @property
    def all(self) -> int:
        """Heads that a token's fused projection holds."""
        return self.query + 2 * self.kv


@dataclass(frozen=True, slots=True)
class Block:
    """`rows` sequences that attend together. `query`, `key`, `value` say which row of the
    [tokens · all heads, head width] projection each is, `mixed` where what is attended to goes in
    [tokens · query heads, head width]; all are flat, the heads of one sequence beside each other.
    `hidden` [rows, 1, 1, width, reach] is added to scores: minus infinity where nobody may look.
    """

    rows: int
    query: Tensor
    key: Tensor
    value: Tensor
    mixed: Tensor
    hidden: Tensor


def blocks_of(pairs: Sequence[tuple[range, range]], padding: int, heads: Heads) -> list[Block]:
    """Blocks of sequences, each with the one that it goes on from (empty if there is none).

    Both are given as places among the tokens; `padding` is the place of a token in none of them.
    """
    order = sorted(pairs, key=lambda pair: (bool(pair[1]), -len(pair[0]), -len(pair[1])))
    blocks = []
    while order:
        first, before = order[0]
        alike = 1
        while alike < len(order) and (
            bool(order[alike][1]) == bool(before)
            and len(order[alike][0]) >= _FILLED * round_up(len(first), _PLACES)
        ):
            alike += 1
        blocks.append(_block(order[:alike], padding, heads))
        order = order[alike:]
    return blocks


def _block(pairs: Sequence[tuple[range, range]], padding: int, heads: Heads) -> Block:
    own = _padded([own for own, _ in pairs], padding)
    before = _padded([before for _, before in pairs], padding)
    keys = torch.cat((before, own), 1)
    later = torch.ones(own.shape[1], own.shape[1], dtype=torch.bool).triu(1)
    later = torch.cat((later.new_zeros(len(later), before.shape[1]), later), 1)
    hidden = later | (keys == padding)[:, None]

    def flat(places: Tensor, number: int, first: int, all_heads: int) -> Tensor:
        """Rows of [tokens · all heads, …] that hold heads `first` to `first + number`."""
        head = torch.arange(first, first + number)
        return (places[:, None] * all_heads + head[:, None]).flatten()

    return Block(
        rows=len(pairs),
        query=flat(own, heads.query, 0, heads.all),
        key=flat(keys, heads.kv, heads.query, heads.all),
        value=flat(keys, heads.kv, heads.query + heads.kv, heads.all),
        mixed=flat(own, heads.query, 0, heads.query),
        hidden=torch.zeros(hidden.shape).masked_fill_(hidden, float("-inf"))[:, None, None],
    )


def _padded(spans: Sequence[range], padding: int) -> Tensor:
    width = round_up(max(map(len, spans)), _PLACES)
    rows = [[*span, *[padding] * (width - len(span))] for span in spans]
    return torch.tensor(rows, dtype=torch.long).view(len(spans), width)


def attend(qkv: Tensor, blocks: Sequence[Block], heads: Heads) -> tuple[Tensor, list[Tensor]]:
    """Projections [tokens, all heads · head width] → what each token gathers [tokens, query heads ·
    head width], and the weights of each block [rows · kv heads, group · width, reach].
    """
    mixed = qkv.new_zeros(len(qkv) * heads.query, heads.width)
    kept = []
    for block in blocks:
        query, key, value = _gather(qkv, block, heads)
        scores = torch.bmm(query, key.transpose(1, 2))
        group = (block.rows, heads.kv, heads.query // heads.kv, *block.hidden.shape[-2:])
        scores = torch.add(block.hidden, scores.view(group), alpha=heads.width**-0.5)
        weights = scores.softmax(-1).to(qkv.dtype).view(len(query), query.shape[1], -1)
        mixed.index_add_(0, block.mixed, torch.bmm(weights, value).view(-1, heads.width))
        kept.append(weights)
    mixed = mixed.view(len(qkv), -1)
    mixed[-1] = 0  # where all padding went
    return mixed, kept


def attend_backward(
    gradient: Tensor, qkv: Tensor, weights: Sequence[Tensor], blocks: Sequence[Block], heads: Heads
) -> Tensor:
    """Gradient of what each token gathers → gradient of its projections, same shape as `qkv`."""
    given = gradient.view(-1, heads.width)
    result = torch.zeros_like(qkv)
    flat = result.view(-1, heads.width)
    for block, weight in zip(blocks, weights, strict=True):
        query, key, value = _gather(qkv, block, heads)
        mixed = given.index_select(0, block.mixed).view_as(query)
        by_value = torch.bmm(weight.transpose(1, 2), mixed)
        by_weight = torch.bmm(mixed, value.transpose(1, 2))
        by_score = torch._softmax_backward_data(by_weight, weight, -1, weight.dtype)
        scale = heads.width**-0.5
        by_query = torch.bmm(by_score, key).mul_(scale)
        by_key = torch.bmm(by_score.transpose(1, 2), query).mul_(scale)
        for index, part in ((block.query, by_query), (block.key, by_key), (block.value, by_value)):
            flat.index_add_(0, index, part.view(-1, heads.width))
    return result


def _gather(qkv: Tensor, block: Block, heads: Heads) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [rows · kv heads, group · width, …]; keys and values [rows · kv heads, reach, …]."""
    flat = qkv.view(-1, heads.width)
    query, key, value = (
        flat.index_select(0, index).view(block.rows * heads.kv, -1, heads.width)
        for index in (block.query, block.key, block.value)
    )
    return query, key, value
