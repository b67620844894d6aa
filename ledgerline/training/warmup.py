"""Warm-up: imitate demonstrations only until the policy sometimes succeeds by itself.

Reinforcement learning can only strengthen what is sampled now and then. So the base policy
learns the tools and the copying from the expert's episodes, and stops at a success rate that
leaves the rest to practice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedModel

from ledgerline.settings import Settings
from ledgerline.training.batches import Batch, autocast, split
from ledgerline.training.demonstrations import Demonstration, DemonstrationSettings
from ledgerline.training.optimizers import (
    OptimizerSettings,
    apply_gradients,
    build_optimizers,
    set_learning_rate,
)


class WarmupSettings(Settings):
    """`seed`: of the weights, the choice of demonstrations and their order. `batch`:
    demonstrations a step. `target`: share of validation items solved at which the
    warm-up stops; it is checked every `check_every` steps. `steps`: where it stops at the
    latest. `context_loss`: weight of predicting the document and the tools' replies too.
    `pass_rate_prompts`: training prompts with a figure due, on which the base is observed.
    """

    seed: int
    demonstrations: DemonstrationSettings
    batch: int
    steps: int
    check_every: int
    target: float
    context_loss: float
    pass_rate_prompts: int
    dtype: Literal["float32", "bfloat16"]
    optimizer: OptimizerSettings


@dataclass(frozen=True, slots=True)
class WarmupStep:
    """What a report sees: mean loss since the last check, and the success rate at the check."""

    step: int
    loss: float
    success: float


def warm_up(
    model: PreTrainedModel,
    demonstrations: Sequence[Demonstration],
    settings: WarmupSettings,
    success_rate: Callable[[], float],
    report: Callable[[WarmupStep], None],
    seed: int,
) -> list[WarmupStep]:
    """Train `model` in place until `success_rate()` reaches the target; the history of checks."""
    optimizers = build_optimizers(model, settings.optimizer)
    generator = np.random.default_rng(seed)
    dtype = getattr(torch, settings.dtype)
    history: list[WarmupStep] = []
    losses: list[float] = []
    queue: list[list[int]] = []
    model.train()
    for step in range(1, settings.steps + 1):
        queue = queue or _similar_lengths(demonstrations, settings.batch, generator)
        chosen = queue.pop()
        (batch,) = split(
            [demonstrations[index].tokens for index in chosen],
            [demonstrations[index].sampled for index in chosen],
            budget=1 << 30,
            device=model.device,
        )
        set_learning_rate(optimizers, settings.optimizer, step - 1)
        with autocast(model.device, dtype):
            loss = imitation_loss(model, batch, settings.context_loss)
        loss.backward()  # type: ignore[no-untyped-call]
        apply_gradients(model, optimizers, settings.optimizer.max_grad_norm)
        losses.append(float(loss.detach()))
        if step % settings.check_every == 0 or step == settings.steps:
            model.eval()
            check = WarmupStep(step, float(np.mean(losses)), success_rate())
            model.train()
            losses = []
            history.append(check)
            report(check)
            if check.success >= settings.target:
                break
    model.eval()
    return history


def _similar_lengths(
    demonstrations: Sequence[Demonstration], batch: int, generator: np.random.Generator
) -> list[list[int]]:
    """Every demonstration once, in batches of similar length, the batches in random order."""
    number = len(demonstrations)
    jitter = generator.uniform(0.9, 1.1, number)
    lengths = np.array([len(demonstration.tokens) for demonstration in demonstrations])
    order = np.argsort(lengths * jitter, kind="stable")
    starts = generator.permutation(np.arange(0, number, batch))
    return [order[start : start + batch].tolist() for start in starts]


def imitation_loss(model: PreTrainedModel, batch: Batch, context_loss: float) -> torch.Tensor:
    """Mean cross-entropy of the expert's tokens, plus `context_loss` × that of all others."""
    hidden = model.get_decoder()(
        input_ids=batch.tokens, attention_mask=batch.attention.long(), use_cache=False
    ).last_hidden_state
    learnt = batch.sampled[:, 1:] if context_loss == 0 else batch.attention[:, 1:]
    logits = model.get_output_embeddings()(hidden[:, :-1][learnt]).float()
    losses = functional.cross_entropy(logits, batch.tokens[:, 1:][learnt], reduction="none")
    weight = torch.where(batch.sampled[:, 1:][learnt], 1.0, context_loss)
    return (losses * weight).sum() / weight.sum()
