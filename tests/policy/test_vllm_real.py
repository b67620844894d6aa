"""vLLM itself, where `make vllm` has built its environment: it says what the trainer says."""

import pytest
import torch

from ledgerline.policy.engine import Sampling
from ledgerline.policy.policy import Adapter, EngineSettings, Policy, PolicySettings
from ledgerline.training import batches
from ledgerline.training.rollouts import roll_out
from ledgerline.training.trainer import Trainer
from tests.pipeline.sources import ROOT
from tests.training.conftest import SHAPE, new_policy, optimizer, settings, warm
from tests.training.echo import QUESTIONS, TASK

PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
WIDE = SHAPE.model_copy(update={"width": 64})  # vLLM on a CPU knows no heads of less than 32
ADAPTER = Adapter(rank=8, alpha=32, modules="all-linear")
ENGINE = EngineSettings(rows=64, positions=128, dtype="float32")
GREEDY = Sampling(temperature=0.0, top_p=1.0)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PYTHON.exists(), reason="make vllm builds what this needs"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Folder of a policy that sometimes succeeds."""
    folder = tmp_path_factory.mktemp("base")
    policy = new_policy(shape=WIDE)
    warm(policy, steps=90)  # right on a third: from less it learns to say one word always
    policy.save(folder)
    return folder


@pytest.fixture(scope="module")
def served(base, tmp_path_factory):
    """One vLLM server for all tests: it takes a minute to start."""
    content = {
        "base": str(base),
        "scratch": WIDE.model_dump(),
        "processes": 1,
        "attention": "eager",
        "adapter": ADAPTER.model_dump(),
        "engine": ENGINE.model_dump(),
        "vllm": {
            "urls": [],
            "command": [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server"],
            "arguments": ["--enforce-eager", "--distributed-executor-backend", "uni"],
            "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"},
            "adapters": str(tmp_path_factory.mktemp("adapters")),
            "start_seconds": 1800.0,
            "turn_seconds": 300.0,
            "restarts": 1,
        },
    }
    with adapted(base).engine(PolicySettings.model_validate(content), base) as engine:
        yield engine


def adapted(base, seed=None):
    """The base with an adapter: a fresh one adds nothing, one with a `seed` something random."""
    policy = Policy.load(base, "eager")
    policy.add_adapter(ADAPTER, seed=0)
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in policy.model.named_parameters():
                if "lora_B" in name:
                    parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    policy.model.eval()
    return policy


def rollouts(policy, engine, sampling, size=1):
    engine.refresh(policy.model)
    return roll_out(engine, policy.codec, TASK, QUESTIONS, size, sampling, torch.Generator())


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_the_trainers(served, base, temperature):
    policy = adapted(base, seed=1)
    played = rollouts(policy, served, Sampling(temperature=temperature, top_p=1.0), size=8)
    gaps = []
    for batch in batches.split(
        [rollout.tokens for rollout in played],
        [rollout.sampled for rollout in played],
        4096,
        torch.device("cpu"),
    ):
        with torch.no_grad():
            ours, _ = batches.logprobs(policy.plain, batch, temperature)
        gaps.append(ours - batches.scored_values(batch, [r.logprobs for r in played]))
    gap = torch.cat(gaps).abs()
    print(f"{len(gap)} tokens at temperature {temperature}: largest gap {gap.max():.2e}")
    assert len(gap) > 100
    assert gap.max() < 1e-3


def test_greedy_tokens_are_the_embedded_engines_whichever_adapter_is_loaded(served, base):
    said = []
    for seed in (None, 1, 2, 1):
        policy = adapted(base, seed)
        ours = rollouts(policy, policy.embedded_engine(ENGINE), GREEDY)
        theirs = rollouts(policy, served, GREEDY)
        assert [r.tokens for r in theirs] == [r.tokens for r in ours]
        said.append([r.tokens for r in theirs])
    assert said[1] == said[3]
    assert said[0] != said[1] != said[2]


def test_ten_steps_with_an_adapter_swapped_at_each_improve_the_reward(served, base, tmp_path):
    policy = adapted(base)
    changes = {"steps": 10, "refills": 0, "group_size": 32}
    trained = settings(optimizer=optimizer(3e-3).model_dump(), **changes)
    rewards, outside = [], []

    def report(step):
        rewards.append(step.metrics["reward"])
        outside.append(step.metrics["importance_outside"])
        print({name: round(value, 4) for name, value in step.metrics.items() if "sec" in name})

    Trainer(policy, served, TASK, QUESTIONS, trained, tmp_path).run(report)
    print("rewards", [round(reward, 3) for reward in rewards], "outside", outside)
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.05
    assert max(outside) < 0.01
