"""Sampler, alarms, batches and metrics: each does what it says."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from ledgerline.errors import LedgerlineError
from ledgerline.training import batches
from ledgerline.training.alarms import Action, Alarms, AlarmSettings
from ledgerline.training.sampler import Sampler, SamplerSettings
from tests.training.conftest import new_policy, settings
from tests.training.echo import Question

ITEMS = [
    Question(f"{phrasing}{index}", "red", kind=kind, phrasing=phrasing)
    for phrasing, kind in (("easy", "a"), ("hard", "b"))
    for index in range(50)
]


def sampler(**changes) -> Sampler:
    content = {
        "strategy": "prioritised",
        "floor": 0.1,
        "prior": 2.0,
        "memory": 500.0,
        "curriculum": [],
    }
    return Sampler(ITEMS, SamplerSettings.model_validate(content | changes), group_size=8, seed=0)


def share_of_hard(drawing: Sampler, step: int = 0) -> float:
    drawn = [index for _ in range(60) for index in drawing.draw(10, step)]
    return sum(ITEMS[index].phrasing == "hard" for index in drawn) / len(drawn)


def test_what_is_solved_is_drawn_less_but_never_forgotten():
    drawing = sampler()
    assert share_of_hard(drawing) == pytest.approx(0.5, abs=0.07)
    for _ in range(40):
        drawing.update(0, successes=8, trials=8)
        drawing.update(99, successes=0, trials=8)
    assert share_of_hard(drawing) == pytest.approx(1 / 1.1, abs=0.05)


def test_uniform_is_uniform_whatever_was_learnt():
    drawing = sampler(strategy="uniform")
    for _ in range(40):
        drawing.update(0, successes=8, trials=8)
    assert share_of_hard(drawing) == pytest.approx(0.5, abs=0.07)


def test_what_is_solved_sometimes_is_drawn_most_where_only_that_teaches():
    drawing = sampler(strategy="learnable")
    for _ in range(40):
        drawing.update(0, successes=4, trials=8)
        drawing.update(99, successes=0, trials=8)
    assert share_of_hard(drawing) == pytest.approx(0.1 / 1.1, abs=0.05)


def test_a_phrasing_not_met_yet_is_thought_as_hard_as_its_kind():
    items = [Question(f"q{n}", "red", kind="ab"[n % 2], phrasing=f"p{n}") for n in range(100)]
    settings = {"strategy": "prioritised", "floor": 0.01, "prior": 2.0, "memory": 500.0}
    drawing = Sampler(items, SamplerSettings.model_validate(settings | {"curriculum": []}), 8, 0)
    for _ in range(40):
        drawing.update(0, successes=8, trials=8)
        drawing.update(1, successes=0, trials=8)
    rates = drawing.success_rates()
    assert rates[2] > 0.95
    assert rates[3] < 0.05


def test_a_stored_difficulty_is_where_the_sampler_begins():
    items = [replace(item, difficulty=0.9 if item.phrasing == "easy" else 0.1) for item in ITEMS]
    settings = {"strategy": "prioritised", "floor": 0.01, "prior": 2.0, "memory": 500.0}
    drawing = Sampler(items, SamplerSettings.model_validate(settings | {"curriculum": []}), 8, 0)
    assert share_of_hard(drawing) == pytest.approx(0.9, abs=0.05)
    for _ in range(300):
        drawing.update(0, successes=0, trials=8)
        drawing.update(99, successes=8, trials=8)
    assert share_of_hard(drawing) < 0.1, "what is seen in training outweighs it in time"


def test_curriculum_keeps_to_its_kinds_until_its_step():
    drawing = sampler(curriculum=[{"until": 5, "kinds": ["a"]}])
    assert share_of_hard(drawing, step=4) == 0.0
    assert share_of_hard(drawing, step=5) > 0.3
    with pytest.raises(LedgerlineError, match="names no kind"):
        sampler(curriculum=[{"until": 5, "kinds": ["c"]}]).draw(3, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"groups": 0},
        {"group_size": 1},
        {"checkpoint_every": 0},
        {"checkpoints": 0},
        {"probes": {"prompts": 2, "every": 0}},
        *(
            {"sampler": settings().sampler.model_dump() | {name: 0.0}}
            for name in ("floor", "prior", "memory")
        ),
        {"alarms": {"thresholds": [{"metric": "kl", "above": 1, "steps": 0, "action": "warn"}]}},
    ],
    ids=str,
)
def test_a_setting_that_could_only_break_the_run_is_refused(change):
    with pytest.raises(ValidationError, match="greater than"):
        settings(**change)


def test_what_0_switches_off_may_be_0():
    off = settings(steps=0, refills=0, kl_rollouts=0, logged_rollouts=0, averaging=0.0)
    assert off.steps == 0


def test_a_restored_sampler_draws_what_the_saved_one_would_have():
    first, second = sampler(), sampler()
    first.update(3, 1, 8)
    first.draw(7, 0)
    second.restore(first.state())
    assert first.draw(7, 1) == second.draw(7, 1)


def alarms(**threshold) -> Alarms:
    content = {"action": "warn", **threshold}
    return Alarms(AlarmSettings.model_validate({"thresholds": [content], "divergence": None}))


@pytest.mark.parametrize(
    ("metric", "bound", "quiet", "loud"),
    [
        ("kl", {"above": 0.5}, 0.1, 0.9),
        ("grad_norm", {"above": 10.0}, 1.0, 30.0),
        ("entropy", {"below": 0.01}, 0.2, 0.001),
        ("repeated", {"above": 0.05}, 0.0, 0.4),
        ("grad_norm", {"above": 10.0}, 1.0, float("nan")),
        ("entropy", {"below": 0.01}, 0.2, float("nan")),
        ("outcome_malformed", {"above": 0.2}, 0.0, 0.7),
        ("outcome_out_of_turns", {"above": 0.2}, 0.1, 0.7),
        ("outcome_abstained", {"above": 0.9}, 0.3, 1.0),
        ("turns", {"above": 4.0}, 2.0, 5.5),
        ("importance_p999", {"above": 3.0}, 1.1, 9.0),
    ],
)
def test_each_threshold_rings_on_a_sustained_excess_only(metric, bound, quiet, loud):
    watching = alarms(metric=metric, steps=3, **bound)
    assert [watching.check(step, {metric: quiet}) for step in range(5)] == [[]] * 5
    rung = [watching.check(5 + step, {metric: loud}) for step in range(3)]
    assert any(rung)
    (alarm,) = next(found for found in rung if found)
    assert metric in alarm.message
    assert alarm.action is Action.WARN


def test_one_alarm_a_window_not_one_a_step():
    watching = alarms(metric="kl", steps=4, above=0.5)
    rung = [bool(watching.check(step, {"kl": 1.0})) for step in range(12)]
    assert rung == [False] * 3 + [True] + [False] * 3 + [True] + [False] * 3 + [True]


def test_reward_that_rises_without_success_is_called_out():
    settings = AlarmSettings.model_validate(
        {
            "thresholds": [],
            "divergence": {"steps": 3, "reward": 0.1, "success": 0.0, "action": "stop"},
        }
    )

    def rings(success: float) -> bool:
        watching = Alarms(settings)
        return any(
            watching.check(step, {"reward": 0.1 * step, "success": 0.5 + success * step})
            for step in range(6)
        )

    assert rings(-0.01)
    assert not rings(0.05)


def test_micro_batches_hold_every_sequence_once_longest_first_within_the_budget():
    tokens = [[1] * length for length in (3, 9, 5, 12, 7, 4)]
    made = batches.split(tokens, [[True] * len(row) for row in tokens], 20, torch.device("cpu"))
    assert sorted(index for batch in made for index in batch.index) == list(range(6))
    assert [batch.tokens.shape[1] for batch in made] == sorted(
        (batch.tokens.shape[1] for batch in made), reverse=True
    )
    assert all(batch.tokens.numel() <= 20 or batch.size == 1 for batch in made)


def test_gradients_do_not_depend_on_the_micro_batches():
    generator = torch.Generator().manual_seed(0)
    tokens = [
        torch.randint(5, 200, (length,), generator=generator).tolist() for length in (5, 9, 7)
    ]
    sampled = [[False] + [True] * (len(row) - 1) for row in tokens]

    def gradient(budget: int) -> torch.Tensor:
        policy = new_policy()
        for batch in batches.split(tokens, sampled, budget, torch.device("cpu")):
            logprobs, _ = batches.logprobs(policy.plain, batch, temperature=0.7)
            (logprobs.sum() / 18).backward()
        return policy.plain.model.embed_tokens.weight.grad

    assert torch.allclose(gradient(9), gradient(100), atol=1e-6)


def test_logprobs_are_those_of_the_sampled_tokens():
    policy = new_policy()
    tokens = [[5, 9, 12, 30, 7], [8, 6, 11]]
    sampled = [[False, False, True, False, True], [False, True, True]]
    (batch,) = batches.split(tokens, sampled, 100, torch.device("cpu"))
    logprobs, _ = batches.logprobs(policy.plain, batch, temperature=1.0)
    expected = []
    for row, chosen in zip(tokens, sampled, strict=True):
        scores = policy.plain(torch.tensor([row])).logits[0].log_softmax(-1)
        expected += [
            float(scores[place - 1, row[place]].detach())
            for place in range(len(row))
            if chosen[place]
        ]
    assert logprobs.tolist() == pytest.approx(expected, abs=1e-5)
