"""What a step of a profile takes on this machine, beside what `ledgerline plan` says it takes.

    python -m bench.gpu [profiles/gpu.yaml] [--rollouts 64] [--turns 2] [--sampled 40]

The policy is built at its true size from random weights (nothing is fetched), and plays and learns
from episodes of the planned length whose tokens mean nothing: speed and memory don't depend on
them. `--rollouts` of them are played and learnt from, and seconds are scaled to the profile's
step; the second of two runs counts. Memory is the allocator's peak. The plan's machine is
described by `--tflops`, `--bandwidth` and `--reached`; the defaults are an H100.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, PreTrainedModel

from ledgerline.policy.engine import EmbeddedEngine, Sampling
from ledgerline.policy.policy import PolicySettings, accelerator
from ledgerline.policy.precision import working_dtype
from ledgerline.profiles import merged, read_yaml
from ledgerline.training import batches, plan
from ledgerline.training.grpo import policy_loss
from ledgerline.training.optimizers import apply_gradients, build_optimizers
from ledgerline.training.settings import TrainerSettings

PROMPT, REPLIED = 573, 80  # tokens, as `ledgerline plan profiles/gpu.yaml` takes them
SAMPLING = Sampling(temperature=1.0, top_p=1.0)


class Scripted:
    """An interaction of `turns` turns of `sampled` tokens, with a reply between them."""

    def __init__(self, prompt: list[int], turns: int, sampled: int):
        self.tokens = list(prompt)
        self.logprobs = [0.0] * len(prompt)
        self.sampled = [False] * len(prompt)
        self.turn_budget = sampled
        self._left = turns

    @property
    def over(self) -> bool:
        return self._left == 0

    def advance(self, tokens: Sequence[int], logprobs: Sequence[float]) -> list[int]:
        self._left -= 1
        reply = [] if self.over else self.tokens[:REPLIED]
        self.tokens += [*tokens, *reply]
        self.logprobs += [*logprobs, *[0.0] * len(reply)]
        self.sampled += [*[True] * len(tokens), *[False] * len(reply)]
        return reply


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of a run, and the accelerator's bytes at their highest (0 without one)."""

    seconds: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", nargs="?", type=Path, default=Path("profiles/gpu.yaml"))
    parser.add_argument("--rollouts", type=int, default=64)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--sampled", type=int, default=40)
    parser.add_argument("--tflops", type=float, default=989.0)
    parser.add_argument("--bandwidth", type=float, default=3350.0)
    parser.add_argument("--reached", type=float, default=0.4)
    arguments = parser.parse_args()
    content: Any = merged(read_yaml(Path("params.yaml")), read_yaml(arguments.profile))
    policy = PolicySettings.model_validate(content["policy"])
    train = TrainerSettings.model_validate(content["train"])
    episodes = plan.Episodes(PROMPT, arguments.turns, arguments.sampled, REPLIED)
    machine = plan.Machine(
        0.0, arguments.tflops * 1e12, arguments.bandwidth * 1e9, arguments.reached
    )
    shape = plan.measure(policy, train.batch_tokens)
    needed = plan.memory(shape, policy, train, episodes)
    spent = plan.seconds(shape, policy, train, episodes, machine)

    plain, model = build(policy)
    rollouts = min(arguments.rollouts, train.groups * train.group_size)
    rolled, played = play(plain, policy, rollouts, train.group_size, episodes)
    optimizers = build_optimizers(model, train.optimizer)
    updated = second_of_two(lambda: learn(plain, model, optimizers, played, train))

    scale = train.groups * train.group_size / rollouts
    name = torch.cuda.get_device_name() if plain.device.type == "cuda" else "CPU"
    title = f"{policy.base} on {name}; {rollouts} of {rollouts * scale:.0f} rollouts"
    shown = Table("", "planned", "measured", title=title)

    def row(label: str, planned: float, measured: float, unit: str) -> None:
        shown.add_row(f"{label}, {unit}", f"{planned:.1f}", f"{measured:.1f}")

    row("rollouts", spent["prefill"] + spent["decode"], rolled.seconds * scale, "s a step")
    row("update", spent["update"], updated.seconds * scale, "s a step")
    weights = shape.weight_bytes / 1e9
    cache = needed["engine: cache"] / 1e9 * min(1.0, rollouts / policy.engine.rows)
    trained = sum(value for key, value in needed.items() if key.startswith("trainer")) / 1e9
    row("both copies of the weights and the cache", 2 * weights + cache, rolled.memory / 1e9, "GB")
    row("update", trained, updated.memory / 1e9, "GB")
    Console(width=110).print(shown)


def build(settings: PolicySettings) -> tuple[PreTrainedModel, PreTrainedModel]:
    """The model of `settings` from random weights, and the same with what is trained of it."""
    device = torch.device(accelerator())
    with device:
        plain: PreTrainedModel = AutoModelForCausalLM.from_config(
            plan.architecture(settings.base), dtype=torch.bfloat16, attn_implementation="sdpa"
        )
    model = settings.adapter.attach(plain) if settings.adapter else plain
    if settings.gradient_checkpointing:
        plain.gradient_checkpointing_enable({"use_reentrant": False})
    return plain, model


def play(
    plain: PreTrainedModel,
    settings: PolicySettings,
    number: int,
    group_size: int,
    episodes: plan.Episodes,
) -> tuple[Taken, list[Scripted]]:
    """What it takes the embedded engine to play `number` interactions, and these."""
    rows = min(number, settings.engine.rows)
    engine = EmbeddedEngine(plain, -1, rows, episodes.tokens + 8, torch.bfloat16)
    played: list[Scripted] = []

    def run() -> None:
        played[:] = interactions(plain, number, group_size, episodes)
        engine.play(played, SAMPLING, torch.Generator(plain.device).manual_seed(0))

    return second_of_two(run), played


def interactions(
    plain: PreTrainedModel, number: int, group_size: int, episodes: plan.Episodes
) -> list[Scripted]:
    """`number` interactions in groups with one prompt each."""
    random_ = random.Random(0)
    prompts = [
        [random_.randrange(plain.config.vocab_size) for _ in range(episodes.prompt)]
        for _ in range(-(-number // group_size))
    ]
    return [
        Scripted(prompts[place // group_size], episodes.turns, episodes.sampled)
        for place in range(number)
    ]


def learn(
    plain: PreTrainedModel,
    model: PreTrainedModel,
    optimizers: list[torch.optim.Optimizer],
    played: list[Scripted],
    train: TrainerSettings,
) -> None:
    """One optimizer step over what was played, as the trainer takes it with checkpointing."""
    plain.train()
    tokens = sum(sum(one.sampled) for one in played)
    for batch in batches.split(
        [one.tokens for one in played],
        [one.sampled for one in played],
        train.batch_tokens,
        plain.device,
    ):
        with batches.autocast(plain.device, working_dtype(train.dtype, plain.device)):
            logprobs, entropy = batches.logprobs(plain, batch, SAMPLING.temperature)
        engine = batches.scored_values(batch, [one.logprobs for one in played])
        advantage = torch.ones_like(logprobs)
        loss = policy_loss(
            logprobs, logprobs.detach(), engine, None, advantage, entropy, tokens, train.objective
        )
        loss.value.backward()  # type: ignore[no-untyped-call]
    apply_gradients(model, optimizers, train.optimizer.max_grad_norm)


def second_of_two(run: Callable[[], None]) -> Taken:
    """Run twice: the first run compiles, allocates and warms up."""
    run()
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    run()
    if cuda:
        torch.cuda.synchronize()
    memory = torch.cuda.max_memory_allocated() if cuda else 0
    return Taken(time.perf_counter() - started, memory)


if __name__ == "__main__":
    main()
