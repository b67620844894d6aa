"""How likely tokens are, given the states that foretell them: forward and backward in pieces.

The scores of a whole vocabulary are many times what the rest of a small model makes for a token;
a piece of them fits a core's cache, and only probabilities are kept, in the states' precision.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ledgerline.policy.decoder import round_up

_PIECE = 256
_TOKENS = 64
"""Pieces are padded to a multiple of this, see `round_up`."""


def likelihood(
    states: Tensor, head: Tensor, tokens: Tensor, temperature: float, entropies: bool = True
) -> tuple[Tensor, Tensor]:
    """Log-probabilities of `tokens` [n], and entropies without a gradient: both float32 [n].

    `states` [n, width] and `head` [vocabulary, width] have the dtype to multiply in. Without
    `entropies`, which nobody looks at where an expert is imitated, these are 0.
    """
    number = len(tokens)
    spare = round_up(number, _TOKENS) - number
    padded = functional.pad(states, (0, 0, 0, spare)), head, functional.pad(tokens, (0, spare))
    logprobs, entropy = _Likelihood.apply(*padded, temperature, entropies)  # type: ignore[no-untyped-call]
    return logprobs[:number], entropy[:number]


class _Likelihood(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        head: Tensor,
        tokens: Tensor,
        temperature: float,
        entropies: bool,
    ) -> tuple[Tensor, Tensor]:
        kept, logprobs, entropy = [], [], torch.zeros(len(tokens), device=states.device)
        pieces = zip(*(torch.split(part, _PIECE) for part in (states, tokens)), strict=True)
        for number, (piece, chosen) in enumerate(pieces):
            scores = (piece @ head.t()).float()
            if temperature != 1:
                scores /= temperature
            scores = scores.log_softmax(-1)
            shares = scores.softmax(-1)  # the same as exp, and faster
            logprobs.append(scores.gather(-1, chosen[:, None]).squeeze(-1))
            if entropies:
                here = slice(number * _PIECE, number * _PIECE + len(piece))
                entropy[here] = -torch.einsum("tv,tv->t", shares, scores)
            kept.append(shares.to(states.dtype))
        result = torch.cat(logprobs)
        ctx.save_for_backward(states, head, tokens, result, *kept)
        ctx.temperature = temperature
        ctx.mark_non_differentiable(entropy)
        return result, entropy

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        states, head, tokens, logprobs, *kept = ctx.saved_tensors
        gradient = gradient / ctx.temperature
        # 1 − p of the token itself in float32: where p is nearly 1, nothing would be left of it.
        own = (-torch.expm1(logprobs) * gradient).to(states.dtype)
        by_states = []
        by_head = torch.zeros_like(head, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        pieces = (torch.split(part, _PIECE) for part in (states, tokens, own, gradient))
        for shares, piece, chosen, here, outer in zip(kept, *pieces, strict=True):
            by_scores = shares * -outer[:, None].to(shares.dtype)
            by_scores.scatter_(1, chosen[:, None], here[:, None])
            by_states.append(by_scores @ head)
            if by_head is not None:
                by_head += by_scores.t() @ piece
        by_head = None if by_head is None else by_head.to(head.dtype)
        return torch.cat(by_states), by_head, None, None, None
