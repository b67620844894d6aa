"""A policy small enough to train in a test, on the echo environment."""

import pytest
import torch

from ledgerline.environments.environment import tool_schemas
from ledgerline.policy.codec import ChatCodec
from ledgerline.policy.policy import Policy
from ledgerline.policy.scratch import ScratchModel, build_model, train_tokenizer
from ledgerline.training.demonstrations import demonstrate
from ledgerline.training.optimizers import OptimizerSettings
from ledgerline.training.settings import TrainerSettings
from ledgerline.training.warmup import WarmupSettings, warm_up
from tests.training.echo import QUESTIONS, TASK, Echo

SHAPE = ScratchModel(
    vocabulary=300,
    pieces=280,
    width=32,
    layers=2,
    heads=2,
    key_value_heads=1,
    feed_forward=64,
    context=128,
    copying=False,
    likeness=0.0,
)

NO_SLIPS = {"slips": 0.0, "misplaced": 0.0, "first_turns": 0.0, "first_lines": 0.0}


def new_policy(seed: int = 0, shape: ScratchModel = SHAPE) -> Policy:
    tokenizer = train_tokenizer(
        [f"What is {question.word}?" for question in QUESTIONS],
        tool_schemas(Echo),
        SHAPE.vocabulary,
        SHAPE.pieces,
    )
    return Policy(build_model(shape, tokenizer, seed), ChatCodec(tokenizer))


def optimizer(rate: float, kind: str = "adamw") -> OptimizerSettings:
    return OptimizerSettings(
        kind=kind, learning_rate=rate, warmup=1, weight_decay=0.0, max_grad_norm=1.0
    )


def settings(**changes) -> TrainerSettings:
    content = {
        "seed": 0,
        "steps": 6,
        "groups": 4,
        "group_size": 8,
        "refills": 1,
        "least_spread": 0.01,
        "slips": 0.0,
        "beside": {"number": 0, "updates": 1, "weight": 1.0, "reading": 0.0, **NO_SLIPS},
        "batch_tokens": 2048,
        "decay_from": 100,
        "patience": 2,
        "dtype": "float32",
        "sampling": {"temperature": 1.0, "top_p": 1.0},
        "objective": {
            "scale": "none",
            "clip_low": 0.2,
            "clip_high": 0.28,
            "kl": 0.0,
            "importance_cap": 2.0,
        },
        "sampler": {
            "strategy": "prioritised",
            "floor": 0.1,
            "prior": 2.0,
            "memory": 100.0,
            "curriculum": [],
        },
        "optimizer": optimizer(2e-3).model_dump(),
        "alarms": {"thresholds": [], "divergence": None},
        "checkpoint_every": 2,
        "checkpoints": 3,
        "averaging": 0.9,
        "validate_every": 2,
        "validation": 8,
        "examples": "train.jsonl",
        "logged_rollouts": 1,
        "probes": {"prompts": 2, "every": 2},
        "kl_rollouts": 4,
    }
    return TrainerSettings.model_validate(content | changes)


@pytest.fixture(scope="session")
def warmed() -> dict[str, torch.Tensor]:
    """Weights of a policy that has seen a few demonstrations and sometimes succeeds."""
    policy = new_policy()
    warm(policy)
    return {name: value.clone() for name, value in policy.plain.state_dict().items()}


def warm(policy: Policy, batch: int = 16, steps: int = 45) -> None:
    """Show `policy` a few demonstrations."""
    demonstrations = [demonstrate(policy.codec, TASK, question) for question in QUESTIONS] * 8
    warm_up(
        policy.plain,
        demonstrations,
        WarmupSettings.model_validate(
            {
                "seed": 0,
                "demonstrations": {
                    "count": 32,
                    "phrasings": 1.0,
                    "fewer": {},
                    **NO_SLIPS,
                },
                "batch": batch,
                "steps": steps,
                "check_every": 45,
                "validation": 8,
                "target": 1.0,
                "batch_tokens": 2048,
                "reading": 0.2,
                "decay_from": 45,
                "pass_rate_prompts": 4,
                "dtype": "float32",
                "optimizer": optimizer(5e-3).model_dump(),
            }
        ),
        lambda: 0.0,
        lambda _: None,
        seed=0,
    )
