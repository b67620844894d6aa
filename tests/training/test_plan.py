"""The plan of a profile builds the true architecture, weighs it, and refuses what can't fit."""

import pytest
from typer.testing import CliRunner

from ledgerline.cli import app
from ledgerline.errors import LedgerlineError
from ledgerline.policy.policy import PolicySettings
from ledgerline.profiles import merged, read_yaml
from ledgerline.training.plan import Episodes, Machine, measure, memory, seconds
from ledgerline.training.settings import TrainerSettings
from tests.pipeline.sources import ROOT

EPISODES = Episodes(prompt=600, turns=2, sampled=40, replied=80)
CARD = Machine(memory=80e9, flops=312e12, bandwidth=2e12, reached=0.4)


@pytest.fixture(scope="module")
def content():
    return merged(read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / "profiles" / "gpu.yaml"))


@pytest.fixture(scope="module")
def policy(content):
    return PolicySettings.model_validate(content["policy"])


@pytest.fixture(scope="module")
def shape(policy):
    return measure(policy, batch_tokens=2048)


def test_the_shape_is_that_of_the_published_model(shape):
    assert shape.parameters == 3_085_938_688
    assert shape.weight_bytes == 2 * shape.parameters
    # rank · (inputs + outputs) of every projection
    a_layer = 2 * (2048 + 2048) + 2 * (2048 + 256) + 3 * (2048 + 11008)
    assert shape.trained == 32 * 36 * a_layer
    assert shape.cache_bytes == 36_864


def test_a_trained_token_costs_three_passes_over_the_frozen_weights(shape):
    body = shape.parameters - 151_936 * 2048
    assert 3 * 2 * body < shape.flops < 1.25 * 3 * 2 * body


def test_what_is_trained_whole_is_float32(content, policy, shape):
    train = TrainerSettings.model_validate(content["train"])
    assert memory(shape, policy, train, EPISODES)["trainer: weights"] == 2 * shape.parameters
    whole = policy.model_copy(update={"adapter": None})
    needed = memory(measure(whole, batch_tokens=2048), whole, train, EPISODES)
    assert needed["trainer: weights"] == needed["trainer: gradients"] == 4 * shape.parameters
    assert needed["engine: weights"] == 2 * shape.parameters


def test_memory_and_time_follow_the_knobs(content, policy, shape):
    train = TrainerSettings.model_validate(content["train"])
    needed = memory(shape, policy, train, EPISODES)
    assert sum(needed.values()) < CARD.memory
    spent = seconds(shape, policy, train, EPISODES, CARD)
    assert all(value > 0 for value in spent.values())
    wasteful = policy.model_copy(update={"gradient_checkpointing": False})
    kept = memory(shape, wasteful, train, EPISODES)["trainer: activations"]
    assert kept > 10 * needed["trainer: activations"]
    doubled = train.model_copy(update={"groups": 2 * train.groups})
    assert seconds(shape, policy, doubled, EPISODES, CARD)["update"] == 2 * spent["update"]


def test_the_command_prints_the_plan_and_refuses_what_does_not_fit(monkeypatch):
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, ["plan", "profiles/gpu.yaml"])
    assert result.exit_code == 0, result.output
    for part in ("3.09 billion parameters", "59.9 million", "engine: cache", "decode", "update"):
        assert part in result.output
    small = CliRunner().invoke(app, ["plan", "profiles/gpu.yaml", "--memory-gb", "16"])
    assert isinstance(small.exception, LedgerlineError)
    assert "don't fit into 16 GB" in str(small.exception)
