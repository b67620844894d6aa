"""The other side of `bench.training`: TRL's GRPOTrainer on the same prompts and environment."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from bench.measured import Measured
from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Dialogue
from ledgerline.environments.environment import Environment
from ledgerline.environments.transcript import Transcript
from ledgerline.examples.example import Example
from ledgerline.policy.scratch import CHAT_TEMPLATE
from ledgerline.training.task import Task

# TRL has no tool that ends an episode: it would sample another turn after `return_answer`.
# So only a search is read as a call, and an answer ends the rollout, as it does here.
RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|assistant|>",
    "fields": {
        "tool_calls": {
            "open_pattern": r'<tool_call>(?=\s*\{"name": "search")',
            "close_pattern": r"</tool_call>\s*",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|end\|>\s*", "content": "text"},
    },
}


class Clock(TrainerCallback):
    """Seconds of each step, and of its rollouts."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.rollouts: list[float] = []
        self.tokens: list[int] = []
        self._begun = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._begun = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.steps.append(time.perf_counter() - self._begun)


class TimedTrainer(GRPOTrainer):
    """TRL's trainer with its rollouts timed and its sampled tokens counted."""

    clock: Clock

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        begun = time.perf_counter()
        made = super()._generate_and_score_completions(inputs)
        self.clock.rollouts.append(time.perf_counter() - begun)
        mask = made["completion_mask"] * made.get("tool_mask", 1)
        self.clock.tokens.append(int(mask.sum()))
        return made


def trl(
    base: str,
    task: Task,
    items: Sequence[Example],
    steps: int,
    group_size: int,
    learning_rate: float,
    settings: Mapping[str, Any],
) -> Measured:
    """Train on `items`, in their order, for `steps` steps after one that is not counted.

    `settings`: `batch` (rollouts of one forward pass), `dtype` and `attention`.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    if tokenizer.chat_template == CHAT_TEMPLATE:
        tokenizer.response_template = RESPONSE_TEMPLATE
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation=settings["attention"])
    rollouts = len(items) // (steps + 1) * group_size
    environment = task.make()
    opening = [
        {"role": "system", "content": environment.instructions},
        {"role": "user", "content": ""},
    ]
    rows = [
        {"prompt": opening, "number": number, **_plain(task.fields(item))}
        for number, item in enumerate(items)
    ]
    rewarded: list[bool] = []

    def reward(completions: Any, number: list[int], **_: Any) -> list[float]:
        transcripts = [
            _transcript(task, items[index], completion)
            for completion, index in zip(completions, number, strict=True)
        ]
        pairs = [(made, items[index]) for made, index in zip(transcripts, number, strict=True)]
        rewarded.extend(task.succeeded(*pair) for pair in pairs)
        return [task.score(*pair).total for pair in pairs]

    with tempfile.TemporaryDirectory() as folder:
        trainer = TimedTrainer(
            model=model,
            processing_class=tokenizer,
            reward_funcs=reward,
            environment_factory=task.make,
            train_dataset=Dataset.from_list(rows),
            args=GRPOConfig(
                output_dir=folder,
                max_steps=steps + 1,
                per_device_train_batch_size=settings["batch"],
                gradient_accumulation_steps=rollouts // settings["batch"],
                num_generations=group_size,
                max_completion_length=task.limits.tokens,
                max_tool_calling_iterations=task.limits.turns - 1,
                generation_kwargs={"max_new_tokens": task.limits.turn_tokens},
                learning_rate=learning_rate,
                lr_scheduler_type="constant",
                beta=0.0,
                temperature=1.0,
                shuffle_dataset=False,
                use_cpu=True,
                bf16=settings["dtype"] == "bfloat16",
                gradient_checkpointing=False,
                report_to="none",
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
        )
        trainer.clock = Clock()
        trainer.add_callback(trainer.clock)
        trainer.train()
    clock = trainer.clock
    return Measured(
        name="TRL",
        seconds=statistics.median(clock.steps[1:]),
        rollout=statistics.median(clock.rollouts[1:]),
        rollouts=rollouts,
        tokens=statistics.fmean(clock.tokens[1:]),
        solved=statistics.fmean(rewarded[rollouts:]),
    )


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a data set can hold: dates as ISO text."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in fields.items()
    }


def _transcript(task: Task, item: Example, messages: Sequence[Mapping[str, Any]]) -> Transcript:
    """TRL's messages, played again through the rules that our episodes have."""
    environment: Environment = task.make()
    dialogue = Dialogue(environment, task.fields(item), task.limits)
    for message in messages:
        if message["role"] == "assistant" and dialogue.outcome is None:
            dialogue.say(_text(message), tokens=0)
    if dialogue.outcome is None:
        dialogue.say("", tokens=0, complete=False)
    return dialogue.transcript()


def _text(message: Mapping[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls") or []]
    return str(message.get("content", "")) + "".join(
        write_call(call["name"], call["arguments"]) for call in calls
    )
