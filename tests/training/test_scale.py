"""Two processes train as one does, and gradients need not keep their activations."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ledgerline.training import batches
from ledgerline.training.demonstrations import demonstrate
from tests.pipeline.sources import ROOT
from tests.training.conftest import new_policy
from tests.training.echo import QUESTIONS, TASK
from tests.training.one_of_many import train


def side_by_side(folder, number, steps, *alarmed):
    """A process that trains with others beside it."""
    arguments = [folder, *map(str, (number, steps, *alarmed))]
    command = [sys.executable, "-m", "tests.training.one_of_many", *arguments]
    return subprocess.Popen(command, cwd=ROOT)


def test_two_processes_end_with_the_weights_of_one(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    assert side_by_side(two, 2, 3).wait() == 0
    train(one, 3)
    alone = load_file(one / "rank0.safetensors")
    ranks = [load_file(two / f"rank{rank}.safetensors") for rank in range(2)]
    before = dict(new_policy().model.named_parameters())
    for name, value in alone.items():
        assert torch.equal(ranks[0][name], ranks[1][name])
        assert torch.allclose(ranks[0][name], value, atol=1e-5)
    assert any((alone[name] - before[name]).abs().max() > 1e-3 for name in alone)
    told = (one / "rank0.txt").read_text()
    assert len(told.splitlines()) == 3
    assert (two / "rank0.txt").read_text() == told
    assert (two / "rank1.txt").read_text() == ""


def test_an_alarm_that_the_first_process_does_not_see_stops_nobody(tmp_path):
    with side_by_side(tmp_path, 2, 2, 1) as run:
        try:
            assert run.wait(timeout=180) == 0
        finally:
            run.kill()
    ranks = [load_file(tmp_path / f"rank{rank}.safetensors") for rank in range(2)]
    assert all(torch.equal(ranks[0][name], value) for name, value in ranks[1].items())


def test_the_others_end_when_the_first_is_killed(tmp_path):
    with side_by_side(tmp_path, 2, 10_000) as first:
        try:
            places = [tmp_path / f"rank{rank}.pid" for rank in range(2)]
            wait_until(lambda: all(place.exists() and place.read_text() for place in places))
        finally:
            first.kill()
    other = int(places[1].read_text())
    wait_until(lambda: not Path(f"/proc/{other}").exists())


def wait_until(done, seconds=180):
    """Wait for `done()`, at most so long."""
    for _ in range(10 * seconds):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def learn(policy):
    """Loss and gradients of one micro-batch, and how often transformers ran its first layer."""
    shown = [demonstrate(policy.codec, TASK, question) for question in QUESTIONS]
    (batch,) = batches.split(
        [d.tokens for d in shown], [d.sampled for d in shown], 4096, torch.device("cpu")
    )
    calls = []
    policy.plain.get_decoder().layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    policy.model.train()
    logprobs, _ = batches.logprobs(policy.plain, batch, 1.0)
    loss = -logprobs.mean()
    loss.backward()
    return loss.item(), [value.grad for value in policy.model.parameters()], len(calls)


def test_gradient_checkpointing_changes_no_gradient():
    plain, saving = new_policy(), new_policy()
    saving.checkpoint_gradients()
    loss, gradients, calls = learn(plain)
    same_loss, same_gradients, more_calls = learn(saving)
    assert (calls, more_calls) == (0, 2)  # the plain one runs packed, by no pass of theirs
    assert same_loss == pytest.approx(loss, abs=1e-7)
    for ours, theirs in zip(gradients, same_gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-7)
