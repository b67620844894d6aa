"""What the policy was before training: the adapter switched off, or a frozen copy."""

import copy
from collections.abc import Callable, Sequence

import torch

from ledgerline.policy.policy import Policy
from ledgerline.training import batches
from ledgerline.training.rollouts import Rollout


def base_logprobs(policy: Policy, temperature: float) -> Callable[[batches.Batch], torch.Tensor]:
    """A function of a batch: the base policy's log-probabilities of its sampled tokens."""
    model = policy.model
    if hasattr(model, "disable_adapter"):

        def without_adapter(batch: batches.Batch) -> torch.Tensor:
            with torch.no_grad(), model.disable_adapter():
                return batches.logprobs(policy.plain, batch, temperature, entropies=False)[0]

        return without_adapter
    frozen = copy.deepcopy(model).eval().requires_grad_(False)

    def frozen_copy(batch: batches.Batch) -> torch.Tensor:
        with torch.no_grad():
            return batches.logprobs(frozen, batch, temperature, entropies=False)[0]

    return frozen_copy


def kl_to_base(
    policy: Policy,
    base: Callable[[batches.Batch], torch.Tensor],
    rollouts: Sequence[Rollout],
    temperature: float,
    dtype: torch.dtype,
) -> float:
    """Mean KL of the policy from its base over the rollouts' sampled tokens (Schulman's k3)."""
    device = policy.model.device
    tokens, sampled = [r.tokens for r in rollouts], [r.sampled for r in rollouts]
    longest = max(map(len, tokens))
    (batch,) = batches.split(tokens, sampled, longest * len(tokens), device)
    with torch.no_grad(), batches.autocast(device, dtype):
        distance = (
            base(batch) - batches.logprobs(policy.plain, batch, temperature, entropies=False)[0]
        )
    return float((distance.exp() - distance - 1).mean())
