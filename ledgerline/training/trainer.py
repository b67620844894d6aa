"""GRPO on multi-turn rollouts: draw, play, compare within groups, update; watched at each step.

What is simplified, on purpose: one optimizer step a batch, so the policy that samples and the
policy that learns differ only by the engine's arithmetic (which is corrected for); no value
model; advantages belong to whole rollouts, so each sampled token of a rollout carries the same.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import torch

from ledgerline.errors import LedgerlineError
from ledgerline.policy.policy import Policy
from ledgerline.policy.precision import working_dtype
from ledgerline.training import batches
from ledgerline.training.alarms import Action, Alarm, Alarms
from ledgerline.training.averaging import Average
from ledgerline.training.base_policy import base_logprobs, kl_to_base
from ledgerline.training.checkpoint import load_checkpoint, save_checkpoint
from ledgerline.training.grpo import Loss, advantages, has_signal, policy_loss
from ledgerline.training.imitation import Expert
from ledgerline.training.measures import step_metrics
from ledgerline.training.optimizers import apply_gradients, build_optimizers, set_learning_rate
from ledgerline.training.probes import play_probes
from ledgerline.training.processes import Processes
from ledgerline.training.rollouts import Engine, Rollout, roll_out
from ledgerline.training.sampler import Sampler
from ledgerline.training.selection import Best
from ledgerline.training.settings import TrainerSettings
from ledgerline.training.task import Item, Task


class RefreshableEngine(Engine, Protocol):
    """An engine that can be told that the weights have changed."""

    def refresh(self, model: Any, step: int = 0) -> None: ...


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step did: its metrics, its alarms, the rollouts that it learnt from, its probes."""

    step: int
    metrics: dict[str, float]
    alarms: list[Alarm]
    rollouts: Sequence[Rollout] = field(repr=False)
    probes: Sequence[Rollout] = field(repr=False)


class Trainer:
    """Trains `policy` in place. Its checkpoints under `folder` make a killed run go on.

    Of several processes each calls it with the same arguments; the main one reports and saves.
    """

    def __init__(
        self,
        policy: Policy,
        engine: RefreshableEngine,
        task: Task,
        items: Sequence[Item],
        settings: TrainerSettings,
        folder: Path,
    ):
        self.policy = policy
        self.engine = engine
        self.task = task
        self.items = items
        self.settings = settings
        self.folder = folder
        self.sampler = Sampler(items, settings.sampler, settings.group_size, settings.seed)
        self.alarms = Alarms(settings.alarms)
        self.optimizers = build_optimizers(policy.model, settings.optimizer)
        self.generator = torch.Generator(device=policy.model.device).manual_seed(settings.seed)
        self.processes = Processes()
        self.dtype = working_dtype(settings.dtype, policy.model.device)
        self.expert = Expert(
            policy,
            task,
            items,
            settings.beside,
            settings.batch_tokens,
            self.dtype,
            settings.seed,
        )
        self.average = Average(policy.model, settings.averaging)
        self.best = Best(folder / "best")
        self._temperature = settings.sampling.temperature
        watched = settings.objective.kl or settings.kl_rollouts
        self._base = base_logprobs(policy, self._temperature) if watched else None
        self._lost = 0
        self._step = 0

    def run(
        self,
        report: Callable[[StepReport], None],
        validate: Callable[[int], float] | None = None,
    ) -> None:
        """Train to the last step, from the newest checkpoint if there is one.

        The policy ends with the average of its weights. `validate` gives the share of validation
        items that it solves after a number of steps, the same to all processes; with it, the
        policy ends with the best average met.
        """
        if not self._resume() and self.alarms.may_roll_back:
            self.processes.wait()  # until all have seen that there is no checkpoint
            self._save()
        while self._step < self.settings.steps:
            rollouts, drawn = self._collect()
            probes, drift = self._probe(), self._drift(drawn)
            started = time.perf_counter()
            losses, updated = self._update(rollouts)
            self.average.update(self._step)
            metrics = {
                **step_metrics(drawn, rollouts, losses),
                **drift,
                **updated,
                "seconds_update": time.perf_counter() - started,
                **self._seconds,
            }
            # Seconds differ from process to process: what the main one decides holds for all.
            alarms = self.processes.gather([self.alarms.check(self._step, metrics)])[0]
            if self.processes.main:
                report(StepReport(self._step, metrics, alarms, rollouts or drawn, probes))
            self._step += 1
            self._obey(alarms)
            if validate is not None:
                self._try_out(validate)
            if self._step % self.settings.checkpoint_every == 0:
                self._save()
        if validate is None:
            self.average.give()
            return
        if self.best.success < 0:  # no step was left to take
            self._try_out(validate)
        self.best.restore(self.policy.model)

    def _try_out(self, validate: Callable[[int], float]) -> None:
        """Every so often, and at the end, see whether this average is the best so far."""
        settings = self.settings
        if self._step % settings.validate_every and self._step != settings.steps:
            return
        self.policy.model.eval()
        with self.average.in_place():
            success = validate(self._step)
            if self.processes.main:
                self.best.consider(self._step, success, self.policy.model)
        self.processes.wait()

    def _collect(self) -> tuple[list[Rollout], list[Rollout]]:
        """Rollouts of groups with signal, and all that were played to find them."""
        settings = self.settings
        started = time.perf_counter()
        kept: list[Rollout] = []
        played: list[Rollout] = []
        self.policy.model.eval()
        self.engine.refresh(self.policy.model, self._step)
        if not self.processes.main:  # only the main one's randomness is in the checkpoint
            turn = settings.seed * settings.steps + self._step
            self.generator.manual_seed(turn * self.processes.number + self.processes.rank)
        for _ in range(settings.refills + 1):
            missing = settings.groups - len(kept) // settings.group_size
            if missing <= 0:
                break
            indices = self.sampler.draw(missing if kept or played else settings.groups, self._step)
            begun = [self._slip(index) for index in indices]
            rollouts = self.processes.gather(
                roll_out(
                    self.engine,
                    self.policy.codec,
                    self.task,
                    [self.items[index] for index in self.processes.share(indices)],
                    settings.group_size,
                    settings.sampling,
                    self.generator,
                    self.processes.share(begun),
                )
            )
            played += rollouts
            for group, index in enumerate(indices):
                start = group * settings.group_size
                members = rollouts[start : start + settings.group_size]
                if not begun[group]:
                    self.sampler.update(index, sum(r.succeeded for r in members), len(members))
                graded = all(rollout.reward.graded for rollout in members)
                rewards = torch.tensor([[rollout.reward.total for rollout in members]])
                if graded and bool(has_signal(rewards, settings.least_spread)[0]):
                    kept += members
        self._seconds = {"seconds_rollout": time.perf_counter() - started}
        return kept, played

    def _slip(self, index: int) -> list[int]:
        """Tokens of the turn gone wrong with which this step's episodes of an item begin, if any.

        Drawn from the step and the item, so that all processes and a resumed run draw alike.
        """
        random_ = random.Random(f"{self.settings.seed}:{self._step}:{index}")
        if random_.random() >= self.settings.slips:
            return []
        slip = self.task.slip(self.items[index], random_, 0)
        return self.policy.codec.encode_slip(slip.wrong, slip.rest) if slip else []

    def _probe(self) -> list[Rollout]:
        """Probes, played with the weights that the step's rollouts had."""
        if not self.processes.main:
            return []
        probes, codec = self.settings.probes, self.policy.codec
        return play_probes(self.engine, codec, self.task, self.items, probes, self._step)

    def _drift(self, played: Sequence[Rollout]) -> dict[str, float]:
        """How far the policy has gone from its base, where the loss doesn't tell."""
        number = self.settings.kl_rollouts
        if self._base is None or self.settings.objective.kl:
            return {}
        some = played[:: max(1, len(played) // number)][:number]
        return {"kl": kl_to_base(self.policy, self._base, some, self._temperature, self.dtype)}

    def _update(self, rollouts: Sequence[Rollout]) -> tuple[list[Loss], dict[str, float]]:
        """One optimizer step over all rollouts and what the expert shows beside them, and as many
        more over what it shows besides as are wanted; the norm is of the first."""
        settings = self.settings
        rate = set_learning_rate(
            self.optimizers, settings.optimizer, self._step, settings.decay_from, settings.steps
        )
        self.policy.model.train()
        losses = self._compare(rollouts) if rollouts else []
        if not settings.beside.number:
            norm = self._apply() if losses else 0.0
            self._count_lost(norm, bool(losses))
            return losses, {"grad_norm": norm, "learning_rate": rate}
        first = self._step * settings.beside.updates
        imitation, norms = [], []
        for shown in self.expert.play(range(first, first + settings.beside.updates)):
            imitation.append(self.expert.imitate(shown))
            norms.append(self._apply())
        self._count_lost(norms[0], bool(losses))
        return losses, {
            "grad_norm": norms[0],
            "learning_rate": rate,
            "imitation_loss": sum(self.processes.gather([fmean(imitation)])),
        }

    def _apply(self) -> float:
        """One optimizer step along the gradients of all processes; their norm."""
        self.processes.sum_gradients(self.policy.model.parameters())
        limit = self.settings.optimizer.max_grad_norm
        return apply_gradients(self.policy.model, self.optimizers, limit)

    def _compare(self, rollouts: Sequence[Rollout]) -> list[Loss]:
        """Add the gradient of what rollouts earned beside others of their group; the losses."""
        settings = self.settings
        rewards = torch.tensor([rollout.reward.total for rollout in rollouts])
        grouped = rewards.view(-1, settings.group_size)
        advantage = advantages(grouped, settings.objective.scale).flatten().tolist()
        tokens = sum(sum(rollout.sampled) for rollout in rollouts)
        model = self.policy.model
        losses = []
        mine = self._mine(rollouts, advantage)
        for batch in self._split([rollout for rollout, _ in mine]):
            with batches.autocast(model.device, self.dtype):
                logprobs, entropy = batches.logprobs(self.policy.plain, batch, self._temperature)
                base = self._base(batch) if self._base and settings.objective.kl else None
            counts = batch.scored.sum(1)
            loss = policy_loss(
                logprobs,
                logprobs.detach(),
                batches.scored_values(batch, [rollout.logprobs for rollout, _ in mine]),
                base,
                torch.tensor(
                    [mine[index][1] for index in batch.index], device=model.device
                ).repeat_interleave(counts),
                entropy,
                tokens,
                settings.objective,
            )
            loss.value.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.on_cpu())
        return self.processes.gather(losses)

    def _mine(
        self, rollouts: Sequence[Rollout], advantage: Sequence[float]
    ) -> list[tuple[Rollout, float]]:
        """This process's groups, each rollout with its advantage; of long ones all get alike."""
        size = self.settings.group_size
        weighted = list(zip(rollouts, advantage, strict=True))
        groups = [weighted[first : first + size] for first in range(0, len(weighted), size)]
        groups.sort(key=lambda group: -sum(len(rollout.tokens) for rollout, _ in group))
        return [pair for group in self.processes.deal(groups) for pair in group]

    def _split(self, rollouts: Sequence[Rollout]) -> list[batches.Batch]:
        """Micro-batches of whole groups, each prompt taken in once.

        Gradient checkpointing keeps no keys and values, so there every rollout has its own.
        """
        tokens = [rollout.tokens for rollout in rollouts]
        sampled = [rollout.sampled for rollout in rollouts]
        budget, device = self.settings.batch_tokens, self.policy.model.device
        if self.policy.plain.is_gradient_checkpointing:
            return batches.split(tokens, sampled, budget, device)
        return batches.split_groups(tokens, sampled, self.settings.group_size, budget, device)

    def _count_lost(self, norm: float, practised: bool) -> None:
        """A step's first update is lost if the `norm` of its gradients is not finite; too many such
        steps in a row end the run. A step that only imitated doesn't end the row.
        """
        if not math.isfinite(norm):
            self._lost += 1
        elif practised:
            self._lost = 0
        if self._lost > self.settings.patience:
            raise LedgerlineError(
                f"training: the gradients of {self._lost} steps in a row were not finite (last: "
                f"step {self._step}); the last good checkpoint is under {self.folder}. Lower "
                "train.optimizer.learning_rate or use float32"
            )

    def _obey(self, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            if alarm.action is Action.STOP:
                self._save()
                raise LedgerlineError(f"training stopped at step {alarm.step}: {alarm.message}")
            if alarm.action is Action.ROLL_BACK:
                step, rest = self._step, self.alarms.state()["rests"]
                self._resume()
                # The same prompts are drawn again, but other tokens of them.
                self.generator.manual_seed(self.generator.initial_seed() + step)
                self.alarms.restore({"history": [], "rests": rest})

    def _save(self) -> None:
        state = {"sampler": self.sampler.state(), "alarms": self.alarms.state(), "lost": self._lost}
        if self.processes.main:
            save_checkpoint(
                self.folder,
                self._step,
                self.policy.model,
                self.optimizers,
                self.average,
                self.generator,
                state,
                self.settings.checkpoints,
            )
        self.processes.wait()

    def _resume(self) -> bool:
        """Go back to the newest checkpoint; whether there is one."""
        content = load_checkpoint(
            self.folder, self.policy.model, self.optimizers, self.average, self.generator
        )
        if content is None:
            return False
        self._step = content["step"]
        self._lost = content["state"]["lost"]
        self.sampler.restore(content["state"]["sampler"])
        self.alarms.restore(content["state"]["alarms"])
        return True
