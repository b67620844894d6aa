"""Warm-up: imitate demonstrations only until the policy sometimes succeeds by itself.

Reinforcement learning can only strengthen what is sampled now and then. So the base policy
learns the tools and the copying from the expert's episodes, and stops at a success rate that
leaves the rest to practice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from transformers import PreTrainedModel

from ledgerline.policy.precision import Precision, working_dtype
from ledgerline.settings import Settings
from ledgerline.training.demonstrations import Demonstration, DemonstrationSettings
from ledgerline.training.imitation import imitate
from ledgerline.training.optimizers import (
    OptimizerSettings,
    apply_gradients,
    build_optimizers,
    set_learning_rate,
)
from ledgerline.training.processes import Processes


class WarmupSettings(Settings):
    """`seed`: of the weights, the choice of demonstrations and their order. `batch`:
    demonstrations a step. `target`: share of validation items solved at which the
    warm-up stops; it is checked every `check_every` steps, on `validation` of them. `steps`: where
    it stops at the latest. `batch_tokens`: what one forward pass holds, padding included.
    `reading`: weight of a token that the policy only reads beside one that it chooses. To foresee
    how a document goes on is to know where its names begin and end. `pass_rate_prompts`: training
    prompts, some with a figure due and some without, on which the base is observed.
    """

    seed: int
    demonstrations: DemonstrationSettings
    batch: int = Field(ge=1)
    batch_tokens: int = Field(ge=1)
    reading: float = Field(ge=0)
    steps: int = Field(ge=0)
    decay_from: int
    check_every: int = Field(ge=1)
    validation: int = Field(ge=1)
    target: float
    pass_rate_prompts: int = Field(ge=1)
    dtype: Precision
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
    """Train `model` in place until `success_rate()` reaches the target; the history of checks.

    Of several processes each calls it with the same arguments; `success_rate` must say the same
    to all of them.
    """
    processes = Processes()
    optimizers = build_optimizers(model, settings.optimizer)
    generator = np.random.default_rng(seed)
    history: list[WarmupStep] = []
    losses: list[float] = []
    queue: list[int] = []
    size = min(settings.batch, len(demonstrations))
    dtype = working_dtype(settings.dtype, model.device)
    model.train()
    for step in range(1, settings.steps + 1):
        if len(queue) < size:
            queue = generator.permutation(len(demonstrations)).tolist()
        chosen = [demonstrations[queue.pop()] for _ in range(size)]
        set_learning_rate(
            optimizers, settings.optimizer, step - 1, settings.decay_from, settings.steps
        )
        losses.append(imitate(model, chosen, settings.batch_tokens, dtype, settings.reading))
        processes.sum_gradients(model.parameters())
        apply_gradients(model, optimizers, settings.optimizer.max_grad_norm)
        if step % settings.check_every == 0 or step == settings.steps:
            model.eval()
            loss = sum(processes.gather([float(np.mean(losses))]))
            check = WarmupStep(step, loss, success_rate())
            model.train()
            losses = []
            history.append(check)
            report(check)
            if check.success >= settings.target:
                break
    model.eval()
    return history
