"""The step's arithmetic, by hand and against TRL's on the same tensors."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from ledgerline.training.grpo import Objective, advantages, has_signal, policy_loss

OBJECTIVE = Objective(scale="group", clip_low=0.2, clip_high=0.28, kl=0.0, importance_cap=2.0)


def test_advantages_are_relative_to_the_group():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.3, 0.3, 0.3, 0.3]])
    centred = advantages(rewards, "none")
    assert centred.tolist() == [[0.5, -0.5, -0.5, 0.5], [0.0, 0.0, 0.0, 0.0]]
    scaled = advantages(rewards, "group")
    assert scaled[0].std() == pytest.approx(1.0, abs=1e-3)
    assert scaled[1].abs().max() < 1e-3


def test_signal_is_a_range_not_rounding():
    rewards = torch.tensor([[0.1 + 0.2, 0.3], [0.0, 1.0]])
    assert has_signal(rewards, 1e-6).tolist() == [False, True]


def trl_loss(logprobs, old, engine, base, advantage, mask, beta):
    """Loss of TRL's GRPOTrainer on [rollouts, tokens], through its own method."""
    from trl.trainer.grpo_trainer import GRPOTrainer

    class Bare(GRPOTrainer):
        def __init__(self):  # its arithmetic alone, without a model or a dataset
            self.beta = beta
            self.epsilon_low, self.epsilon_high = 0.2, 0.28
            self.importance_sampling_level = "token"
            self.loss_type = "dapo"
            self.use_vllm = True
            self.vllm_importance_sampling_correction = True
            self.off_policy_mask_threshold = None
            self.top_entropy_quantile = 1.0
            self.aux_loss_enabled = False
            self.entropy_coef, self.use_adaptive_entropy = 0.0, False
            self._entropy_bonus_enabled = False
            self.args = SimpleNamespace(
                delta=None, use_bias_correction_kl=False, steps_per_generation=1
            )
            self.model = SimpleNamespace(training=True)
            self.accelerator = SimpleNamespace(
                num_processes=1,
                sync_gradients=True,
                gather=lambda value: value,
                gather_for_metrics=lambda value: value,
                reduce=lambda value, **_: value,
            )
            self._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
            self._entropy_window_stats = torch.zeros(2)
            self.current_gradient_accumulation_steps = 1

        def _get_per_token_logps_and_entropies(self, *_args, **_kwargs):
            return logprobs, torch.zeros_like(logprobs), None

    inputs = {
        "prompt_ids": torch.zeros(len(mask), 1, dtype=torch.long),
        "prompt_mask": torch.ones(len(mask), 1, dtype=torch.long),
        "completion_ids": torch.zeros_like(mask, dtype=torch.long),
        "completion_mask": mask.long(),
        "advantages": advantage,
        "old_per_token_logps": old,
        "importance_sampling_ratio": (old - engine).exp().clamp(max=2.0),
        "ref_per_token_logps": base,
        "num_items_in_batch": mask.sum(),
    }
    return Bare()._compute_loss(None, inputs)


@pytest.mark.parametrize("beta", [0.0, 0.05])
def test_loss_and_gradients_equal_trls(beta):
    generator = torch.Generator().manual_seed(3)

    def noise(scale):
        return scale * torch.randn(6, 9, generator=generator)

    mask = torch.rand(6, 9, generator=generator) > 0.3
    start = -noise(1.0).abs()
    old, engine, base = start + noise(0.2), start + noise(0.3), start + noise(0.2)
    advantage = torch.randn(6, generator=generator)

    ours = start.clone().requires_grad_()
    loss = policy_loss(
        ours[mask],
        old[mask],
        engine[mask],
        base[mask] if beta else None,
        advantage[:, None].expand_as(mask)[mask],
        torch.zeros(int(mask.sum())),
        int(mask.sum()),
        OBJECTIVE.model_copy(update={"kl": beta}),
    )
    loss.value.backward()
    theirs = start.clone().requires_grad_()
    reference = trl_loss(theirs, old, engine, base, advantage, mask, beta)
    reference.backward()
    assert loss.value.item() == pytest.approx(reference.item(), abs=1e-6)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-7)
    assert theirs.grad.abs().max() > 0
