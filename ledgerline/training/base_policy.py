"""What the policy was before training: the adapter switched off, or a frozen copy."""

import copy
from collections.abc import Callable

import torch

from ledgerline.policy.policy import Policy
from ledgerline.training import batches


def base_logprobs(policy: Policy, temperature: float) -> Callable[[batches.Batch], torch.Tensor]:
    """A function of a batch: the base policy's log-probabilities of its sampled tokens."""
    model = policy.model
    if hasattr(model, "disable_adapter"):

        def without_adapter(batch: batches.Batch) -> torch.Tensor:
            with torch.no_grad(), model.disable_adapter():
                return batches.logprobs(policy.plain, batch, temperature)[0]

        return without_adapter
    frozen = copy.deepcopy(model).eval().requires_grad_(False)

    def frozen_copy(batch: batches.Batch) -> torch.Tensor:
        with torch.no_grad():
            return batches.logprobs(frozen, batch, temperature)[0]

    return frozen_copy
