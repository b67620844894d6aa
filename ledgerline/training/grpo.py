"""The arithmetic of one GRPO step, as pure functions.

Group-relative advantages are from DeepSeekMath (arXiv 2402.03300), the form without the
division by the group's deviation and with one constant normaliser from Dr. GRPO
(arXiv 2503.20783), the asymmetric clip and the token-level mean from DAPO (arXiv 2503.14476),
the truncated correction for an engine that is not quite the trainer from TIS
(Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy RL training").
"""

from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

from ledgerline.settings import Settings


class Objective(Settings):
    """The loss. `scale`: divide advantages by the group's deviation ("group") or not ("none").

    `clip_low`, `clip_high`: how far a token's probability ratio may move before its gradient
    stops. `kl`: weight of the penalty for leaving the base policy. `importance_cap`: largest
    weight of a token that the trainer finds likelier than the engine did.
    """

    scale: Literal["group", "none"]
    clip_low: float
    clip_high: float
    kl: float
    importance_cap: float


@dataclass(frozen=True, slots=True)
class Loss:
    """A scalar to minimise, and per-token diagnostics, detached: all [tokens].

    `gap` is the log of how much likelier the trainer finds a token than the engine did.
    """

    value: Tensor
    clipped: Tensor
    kl: Tensor
    gap: Tensor
    entropy: Tensor

    def on_cpu(self) -> "Loss":
        """The same without gradients, on the CPU, where those of several GPUs can be joined."""
        return Loss(*(getattr(self, field.name).detach().cpu() for field in fields(self)))


def advantages(rewards: Tensor, scale: Literal["group", "none"]) -> Tensor:
    """Rewards [groups, size] → how much better than its group each rollout did, same shape."""
    centred = rewards - rewards.mean(1, keepdim=True)
    if scale == "none":
        return centred
    return centred / (rewards.std(1, keepdim=True) + 1e-4)


def has_signal(rewards: Tensor, least_spread: float) -> Tensor:
    """Rewards [groups, size] → [groups], whether a group's rewards differ by more than that.

    The range is compared, not the deviation: rounding leaves a deviation where all are equal.
    """
    return (rewards.amax(1) - rewards.amin(1)) > least_spread


def policy_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    engine_logprobs: Tensor,
    base_logprobs: Tensor | None,
    advantages: Tensor,
    entropy: Tensor,
    tokens: int,
    objective: Objective,
) -> Loss:
    """The clipped surrogate over the sampled tokens of a micro-batch; all tensors [tokens].

    `logprobs` carry the gradient; `old_logprobs` are the trainer's before the step (equal to
    them, detached, on the first pass); `engine_logprobs` are those that the tokens were sampled
    with; `base_logprobs` are the base policy's, where `objective.kl` is not 0. `tokens` is the
    number of sampled tokens in the *whole* batch: every token counts the same, whichever
    micro-batch or rollout it stands in. `entropy` is passed through to the diagnostics.
    """
    ratio = (logprobs - old_logprobs).exp()
    bounded = ratio.clamp(1 - objective.clip_low, 1 + objective.clip_high)
    free, held = ratio * advantages, bounded * advantages
    gap = (old_logprobs - engine_logprobs).detach()
    loss = -torch.minimum(free, held) * gap.exp().clamp(max=objective.importance_cap)
    kl = torch.zeros_like(ratio)
    if base_logprobs is not None:
        distance = base_logprobs - logprobs
        kl = distance.exp() - distance - 1  # Schulman's k3: unbiased and never negative
        loss = loss + objective.kl * kl
    return Loss(
        value=loss.sum() / tokens,
        clipped=(held < free).detach(),
        kl=kl.detach(),
        gap=gap,
        entropy=entropy,
    )
