"""Token sequences into padded micro-batches of bounded size, and their log-probabilities."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Batch:
    """`size` sequences padded to the longest: tokens and attention [size, length].

    `sampled` [size, length] marks the tokens that the policy chose. `index` [size] gives each
    row's place in the sequences that were split.
    """

    tokens: Tensor
    attention: Tensor
    sampled: Tensor
    index: list[int]

    @property
    def size(self) -> int:
        return len(self.index)


def split(
    tokens: Sequence[Sequence[int]],
    sampled: Sequence[Sequence[bool]],
    budget: int,
    device: torch.device,
) -> list[Batch]:
    """Micro-batches of at most `budget` tokens, padding included, longest sequences first.

    Sorted by length there is little padding; longest first, what does not fit in memory fails
    at once and not after an hour.
    """
    order = sorted(range(len(tokens)), key=lambda index: (-len(tokens[index]), index))
    batches: list[Batch] = []
    start = 0
    while start < len(order):
        longest = len(tokens[order[start]])
        index = order[start : start + max(1, budget // longest)]
        start += len(index)
        lengths = torch.tensor([len(tokens[row]) for row in index], device=device)
        attention = torch.arange(longest, device=device) < lengths[:, None]
        batches.append(
            Batch(
                tokens=_pad([tokens[row] for row in index], longest, device).long(),
                attention=attention,
                sampled=_pad([sampled[row] for row in index], longest, device).bool(),
                index=index,
            )
        )
    return batches


def _pad(rows: Sequence[Sequence[int]], length: int, device: torch.device) -> Tensor:
    return torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=device)


def sampled_values(batch: Batch, values: Sequence[Sequence[float]]) -> Tensor:
    """Per-token `values` of the batch's sequences at its sampled tokens, in row order: [tokens]."""
    padded = _pad_floats(
        [values[row] for row in batch.index], batch.tokens.shape[1], batch.tokens.device
    )
    return padded[batch.sampled]


def _pad_floats(rows: Sequence[Sequence[float]], length: int, device: torch.device) -> Tensor:
    return torch.tensor([[*row, *[0.0] * (length - len(row))] for row in rows], device=device)


def logprobs(model: PreTrainedModel, batch: Batch, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies of a batch's sampled tokens, in row order: both [tokens].

    The vocabulary is only scored where a token was sampled: the logits of a whole history
    would be most of the memory.
    """
    hidden = model.get_decoder()(
        input_ids=batch.tokens, attention_mask=batch.attention.long(), use_cache=False
    ).last_hidden_state
    # The token at position t is chosen by the state at t − 1.
    states = hidden[:, :-1][batch.sampled[:, 1:]]
    logits = model.get_output_embeddings()(states).float() / temperature
    scores = logits.log_softmax(-1)
    chosen = batch.tokens[:, 1:][batch.sampled[:, 1:]]
    entropy = -(scores.exp() * scores).sum(-1).detach()
    return scores.gather(-1, chosen[:, None]).squeeze(-1), entropy


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[None]:
    """Matrix products in `dtype`; weights and their updates stay as they are."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
