"""Training end to end on a small environment: it learns, resumes exactly, and stops when told."""

import copy
import shutil
from dataclasses import replace
from statistics import fmean

import pytest
import torch

from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Dialogue
from ledgerline.environments.scripted import Slip
from ledgerline.errors import LedgerlineError
from ledgerline.policy.engine import Sampling
from ledgerline.policy.policy import Adapter, EngineSettings
from ledgerline.training import trainer as training
from ledgerline.training.checkpoint import checkpoints
from ledgerline.training.grpo import Loss
from ledgerline.training.rollouts import roll_out
from ledgerline.training.trainer import Trainer
from tasks.practice import success_rate
from tests.training.conftest import NO_SLIPS, new_policy, optimizer, settings, warm
from tests.training.echo import QUESTIONS, TASK, Echo

ENGINE = EngineSettings(rows=16, positions=128, dtype="float32")


def make(warmed, folder, adapter=None, **changes):
    policy = new_policy()
    policy.plain.load_state_dict(warmed)
    if adapter:
        policy.add_adapter(adapter, seed=0)
    engine = policy.embedded_engine(ENGINE)
    return policy, Trainer(policy, engine, TASK, QUESTIONS, settings(**changes), folder)


def weights(policy):
    return {name: value.detach().clone() for name, value in policy.model.named_parameters()}


def share_solved(policy):
    sampling = Sampling(temperature=1.0, top_p=1.0)
    generator = torch.Generator().manual_seed(1)
    engine = policy.embedded_engine(ENGINE)
    rollouts = roll_out(engine, policy.codec, TASK, QUESTIONS, 100, sampling, generator)
    return sum(rollout.succeeded for rollout in rollouts) / len(rollouts)


def test_a_warm_up_of_fewer_demonstrations_than_a_batch_shows_them_all():
    policy = new_policy()
    before = weights(policy)
    warm(policy, batch=10_000, steps=2)
    assert any(not torch.equal(before[name], value) for name, value in weights(policy).items())


def test_practice_raises_the_share_solved(warmed, tmp_path):
    policy, trainer = make(warmed, tmp_path, steps=80, optimizer=optimizer(2e-3).model_dump())
    before = share_solved(policy)
    trainer.run(lambda _: None)
    after = share_solved(policy)
    assert 0 < before < 0.6
    assert after > before + 0.08


def test_the_distance_from_the_base_grows_from_nothing(warmed, tmp_path):
    _, trainer = make(warmed, tmp_path, optimizer=optimizer(5e-3).model_dump())
    distances, probes = [], []

    def report(step):
        distances.append(step.metrics["kl"])
        probes.append([rollout.item.id for rollout in step.probes])

    trainer.run(report)
    assert distances[0] == pytest.approx(0.0, abs=1e-6)
    assert max(distances) > 1e-3
    assert probes == [["q0", "q2"], [], ["q0", "q2"], [], ["q0", "q2"], []]


def test_practice_goes_on_from_a_turn_that_the_policy_did_not_choose(warmed, tmp_path):
    policy, trainer = make(warmed, tmp_path, steps=1, slips=1.0)
    slip = policy.codec.encode_slip("What?", "")
    trainer.task = replace(TASK, slip=lambda _item, _rng, _turn: Slip("What?"))
    before = trainer.sampler.success_rates().tolist()
    played = []
    trainer.run(lambda step: played.extend(step.rollouts))
    assert played
    for rollout in played:
        assert rollout.transcript.turns[0].text == "What?"
        assert len(rollout.transcript.turns) > 1
        read = rollout.tokens[: rollout.sampled.index(True)]
        assert any(read[at : at + len(slip)] == slip for at in range(len(read)))
    assert trainer.sampler.success_rates().tolist() == before, "a slip says nothing of the item"


def beside(number):
    return {"number": number, "updates": 1, "weight": 1.0, "reading": 0.0, **NO_SLIPS}


@pytest.mark.parametrize("least_spread", [0.01, 100.0], ids=["with signal", "without"])
def test_what_the_expert_shows_is_learnt_beside_practice(warmed, tmp_path, least_spread):
    _, trainer = make(
        warmed,
        tmp_path,
        steps=20,
        beside=beside(4),
        least_spread=least_spread,
        optimizer=optimizer(5e-3).model_dump(),
    )
    losses = []
    trainer.run(lambda step: losses.append(step.metrics["imitation_loss"]))
    assert losses[-1] < losses[0] * 0.8


def test_the_expert_shows_every_item_before_any_again(warmed, tmp_path):
    _, trainer = make(warmed, tmp_path, beside=beside(3))
    items = sorted(item.id for item in trainer.items)
    shown = [item.id for update in range(len(items)) for item in trainer.expert.turn_of(update)]
    rounds = [shown[start : start + len(items)] for start in range(0, len(shown), len(items))]
    assert len(rounds) == 3
    assert all(sorted(one) == items for one in rounds)
    assert rounds[0] != rounds[1]


def test_more_updates_a_step_learn_more_from_demonstrations(warmed, tmp_path):
    last = []
    for updates in (1, 8):
        losses = []
        _, trainer = make(
            warmed,
            tmp_path / str(updates),
            steps=12,
            beside=beside(4) | {"updates": updates},
            least_spread=100.0,
            optimizer=optimizer(5e-3).model_dump(),
        )
        trainer.run(lambda step, losses=losses: losses.append(step.metrics["imitation_loss"]))
        last.append(fmean(losses[-4:]))
    assert last[1] < 0.3 * last[0]


def test_without_signal_and_without_demonstrations_nothing_moves(warmed, tmp_path):
    policy, trainer = make(warmed, tmp_path, beside=beside(0), least_spread=100.0)
    before = weights(policy)
    trainer.run(lambda _: None)
    assert all(torch.equal(before[name], value) for name, value in weights(policy).items())


def test_what_the_expert_shows_weighs_what_it_is_told_to(warmed, tmp_path):
    norms = []
    for weight in (0.0, 1.0, 10.0):
        _, trainer = make(
            warmed,
            tmp_path / str(weight),
            steps=1,
            beside=beside(4) | {"weight": weight},
        )
        trainer.run(lambda step: norms.append(step.metrics["grad_norm"]))
    assert norms[0] < norms[1] < norms[2]


def test_what_is_only_read_is_learnt_too_where_that_is_asked_for(warmed, tmp_path):
    norms = []
    for reading in (0.0, 1.0):
        _, trainer = make(
            warmed,
            tmp_path / str(reading),
            steps=1,
            least_spread=100.0,
            beside=beside(4) | {"reading": reading},
        )
        trainer.run(lambda step: norms.append(step.metrics["grad_norm"]))
    assert norms[1] > 2 * norms[0]


def test_the_run_leaves_the_weights_that_did_best_on_what_is_not_learnt_from(warmed, tmp_path):
    policy, trainer = make(warmed, tmp_path)
    passed = {}

    def validate(step):
        passed[step] = weights(policy)
        return {2: 0.3, 4: 0.5, 6: 0.4}[step]

    trainer.run(lambda _: None, validate)
    assert list(passed) == [2, 4, 6]
    assert (trainer.best.step, trainer.best.success) == (4, 0.5)
    left = weights(policy)
    assert all(torch.equal(left[name], value) for name, value in passed[4].items())
    assert any(not torch.equal(left[name], value) for name, value in passed[6].items())


def test_a_run_of_no_steps_leaves_the_base_with_its_success(warmed, tmp_path):
    policy, trainer = make(warmed, tmp_path, steps=0)
    before = weights(policy)
    trainer.run(lambda _: None, lambda _: 0.25)
    assert (trainer.best.step, trainer.best.success) == (0, 0.25)
    assert all(torch.equal(before[name], value) for name, value in weights(policy).items())


def test_a_run_stopped_at_its_last_step_ends_with_a_try_when_it_is_started_again(warmed, tmp_path):
    threshold = {"metric": "rollouts", "above": 0.0, "steps": 3, "action": "stop"}
    changes = {"steps": 3, "validate_every": 3, "alarms": {"thresholds": [threshold]}}
    _, stopped = make(warmed, tmp_path, **changes)
    with pytest.raises(LedgerlineError, match="stopped at step 2"):
        stopped.run(lambda _: None, lambda _: 0.5)
    _, again = make(warmed, tmp_path, **changes)
    tried = []
    again.run(lambda _: None, lambda step: tried.append(step) or 0.5)
    assert tried == [3]
    assert (again.best.step, again.best.success) == (3, 0.5)


def test_success_on_no_examples_says_which_setting_to_raise(warmed, tmp_path):
    policy, trainer = make(warmed, tmp_path)
    with pytest.raises(LedgerlineError, match=r"synthesize\.counts\.validation"):
        success_rate(policy, trainer.engine, TASK, [])


def test_an_adapter_alone_learns_and_the_weights_below_it_stay(warmed, tmp_path):
    adapter = Adapter(rank=4, alpha=16, modules="all-linear")
    policy, trainer = make(warmed, tmp_path, adapter, steps=4)
    before = weights(policy)
    trainer.run(lambda _: None)
    after = weights(policy)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all("lora" in name for name in moved)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("kill_at", [0, 1, 2, 3, 4])
def test_a_killed_run_ends_with_the_weights_of_the_unbroken_one(warmed, tmp_path, kill_at):
    policy, trainer = make(warmed, tmp_path / "whole", beside=beside(2))
    trainer.run(lambda _: None)

    def die(report):
        if report.step == kill_at:
            raise KilledError

    _, broken = make(warmed, tmp_path / "broken", beside=beside(2))
    with pytest.raises(KilledError):
        broken.run(die)
    resumed, again = make(warmed, tmp_path / "broken", beside=beside(2))
    again.run(lambda _: None)
    expected, found = weights(policy), weights(resumed)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_torn_checkpoint_is_passed_over_for_the_one_before_it(warmed, tmp_path):
    policy, trainer = make(warmed, tmp_path / "whole")
    trainer.run(lambda _: None)
    shutil.copytree(tmp_path / "whole", tmp_path / "torn")
    newest = checkpoints(tmp_path / "torn")[-1] / "weights.safetensors"
    newest.write_bytes(newest.read_bytes()[:-8])
    resumed, again = make(warmed, tmp_path / "torn")
    steps = []
    again.run(lambda report: steps.append(report.step))
    assert steps == [4, 5]
    expected, found = weights(policy), weights(resumed)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_losses_that_are_not_finite_skip_the_step_and_then_stop(warmed, tmp_path, monkeypatch):
    policy, trainer = make(warmed, tmp_path, steps=20)
    honest = training.policy_loss

    def broken(*arguments):
        loss = honest(*arguments)
        return type(loss)(loss.value * float("nan"), loss.clipped, loss.kl, loss.gap, loss.entropy)

    monkeypatch.setattr(training, "policy_loss", broken)
    before = weights(policy)
    norms = []
    with pytest.raises(LedgerlineError, match="3 steps in a row were not finite"):
        trainer.run(lambda report: norms.append(report.metrics["grad_norm"]))
    assert len(norms) == 2
    after = weights(policy)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_losses_are_gathered_on_the_cpu_without_gradients(warmed, tmp_path, monkeypatch):
    _, trainer = make(warmed, tmp_path, steps=1)
    honest = training.policy_loss
    gathered = []

    def traced(*arguments):
        return replace(honest(*arguments), entropy=arguments[0] * 1.0)

    def gather(mine):
        gathered.extend(loss for loss in mine if isinstance(loss, Loss))
        return mine

    monkeypatch.setattr(training, "policy_loss", traced)
    monkeypatch.setattr(trainer.processes, "gather", gather)
    trainer.run(lambda _: None)
    assert gathered
    for loss in gathered:
        for value in (loss.value, loss.clipped, loss.kl, loss.gap, loss.entropy):
            assert value.device.type == "cpu"
            assert not value.requires_grad


def test_practice_that_is_always_lost_ends_the_run_though_imitation_is_not(
    warmed, tmp_path, monkeypatch
):
    _, trainer = make(warmed, tmp_path, steps=20, beside=beside(4) | {"updates": 3})
    honest = training.policy_loss

    def broken(*arguments):
        loss = honest(*arguments)
        return replace(loss, value=loss.value * float("nan"))

    monkeypatch.setattr(training, "policy_loss", broken)
    steps = []
    with pytest.raises(LedgerlineError, match="3 steps in a row were not finite"):
        trainer.run(lambda report: steps.append(report.step))
    assert steps == [0, 1]


def test_a_stop_alarm_ends_the_run_with_what_was_seen(warmed, tmp_path):
    threshold = {"metric": "outcome_answered", "above": -1.0, "steps": 2, "action": "stop"}
    alarms = {"thresholds": [threshold], "divergence": None}
    _, trainer = make(warmed, tmp_path, alarms=alarms)
    with pytest.raises(LedgerlineError, match="outcome_answered averaged"):
        trainer.run(lambda _: None)


def test_a_roll_back_alarm_returns_to_the_last_checkpoint_and_goes_on(warmed, tmp_path):
    threshold = {"metric": "rollouts", "above": 0.0, "steps": 3, "action": "roll_back"}
    alarms = {"thresholds": [threshold], "divergence": None}
    _, trainer = make(warmed, tmp_path, alarms=alarms)
    steps = []
    trainer.run(lambda report: steps.append(report.step))
    assert steps[-1] == 5
    assert len(steps) > 6  # some steps were taken twice


def test_a_roll_back_before_the_first_checkpoint_returns_to_the_start(warmed, tmp_path):
    threshold = {"metric": "rollouts", "above": 0.0, "steps": 3, "action": "roll_back"}
    _, trainer = make(
        warmed, tmp_path, checkpoint_every=10, steps=4, alarms={"thresholds": [threshold]}
    )
    played = []
    trainer.run(lambda step: played.append((step.step, step.metrics["kl"])))
    assert [step for step, _ in played] == [0, 1, 2, 0, 1, 2, 3]
    assert all(kl == pytest.approx(0.0, abs=1e-6) for step, kl in played if step == 0)


def test_no_checkpoint_is_made_at_the_start_where_nothing_rolls_back(warmed, tmp_path):
    _, trainer = make(warmed, tmp_path, steps=1)
    trainer.run(lambda _: None)
    assert checkpoints(tmp_path) == []


def test_an_episode_that_waits_for_its_engine_has_all_its_time():
    now = [0.0]
    waiting = Dialogue(Echo(), {"word": "red"}, TASK.limits, clock=lambda: now[0])
    look = write_call("look_up", {"word": "red"})
    now[0] = TASK.limits.seconds + 1
    assert waiting.say(look, 5) == "red"
    now[0] += TASK.limits.seconds + 1
    assert waiting.say(look, 5) is None


def test_ungraded_rollouts_teach_nothing(warmed, tmp_path):
    task = copy.copy(TASK)
    honest = TASK.score

    def ungraded(transcript, question):
        reward = honest(transcript, question)
        return type(reward)(reward.total, reward.breakdown, graded=False)

    object.__setattr__(task, "score", ungraded)
    policy = new_policy()
    policy.plain.load_state_dict(warmed)
    before = weights(policy)
    engine = policy.embedded_engine(ENGINE)
    trainer = Trainer(policy, engine, task, QUESTIONS, settings(steps=2), tmp_path)
    trainer.run(lambda _: None)
    after = weights(policy)
    assert all(torch.equal(before[name], after[name]) for name in before)
