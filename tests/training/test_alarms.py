"""The alarms of params.yaml, each rung by what it is for, injected into otherwise healthy steps."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Limits
from ledgerline.errors import LedgerlineError
from ledgerline.training.alarms import Action, Alarms, AlarmSettings
from ledgerline.training.grpo import Loss
from ledgerline.training.measures import step_metrics
from ledgerline.training.rollouts import Rollout
from tests.training.conftest import new_policy
from tests.training.echo import QUESTIONS, TASK, played

PARAMS = yaml.safe_load((Path(__file__).resolve().parents[2] / "params.yaml").read_text())
SETTINGS = AlarmSettings.model_validate(PARAMS["train"]["alarms"])
ROOMY = replace(TASK, limits=Limits.model_validate(PARAMS["limits"] | {"tokens": 4000}))
RED = QUESTIONS[0]
LOOK = write_call("look_up", {"word": "red"})
SAY = write_call("say", {"answer": "red"})
FOREIGN = "".join(f"{chr(0x4E00 + 7 * n)}{chr(0x4E01 + 11 * n)}a" for n in range(20))
SILENT = write_call("say", {"answer": ""})


@pytest.fixture(scope="module")
def codec():
    return new_policy().codec


def rollouts(codec, *turns: str) -> list[Rollout]:
    """Twenty rollouts that went alike."""
    return [played(codec, RED, 0, *turns, task=ROOMY)] * 20


def losses(tokens: int = 2000, **changed: torch.Tensor) -> list[Loss]:
    """An update in which nothing is the matter but what is changed."""
    quiet = {
        "value": torch.tensor(0.1),
        "clipped": torch.zeros(tokens),
        "kl": torch.full((tokens,), 0.02),
        "gap": torch.linspace(-0.05, 0.05, tokens),
        "entropy": torch.full((tokens,), 0.2),
    }
    return [Loss(**quiet | changed)]


def metrics(played: list[Rollout], update: list[Loss], grad_norm: float = 1.0) -> dict[str, float]:
    return {**step_metrics(played, played, update), "grad_norm": grad_norm}


def tail(size: float, share: float) -> torch.Tensor:
    """Gaps between trainer and engine: none, but for a share of the tokens."""
    gap = torch.zeros(2000)
    gap[: int(2000 * share)] = size
    return gap


def healthy(codec) -> dict[str, float]:
    return metrics(rollouts(codec, LOOK, SAY), losses())


def injected(codec) -> dict[str, dict[str, float]]:
    """Name of an alarm's metric → the metrics of a step that should ring it."""
    good = rollouts(codec, LOOK, SAY)
    return {
        "outcome_abstained": metrics(rollouts(codec, SILENT), losses()),
        "outcome_out_of_turns": metrics(rollouts(codec, *[LOOK] * 6), losses()),
        "outcome_malformed": metrics(rollouts(codec, *["no call"] * 3), losses()),
        "turns": metrics(rollouts(codec, *[LOOK] * 4, SAY), losses()),
        "non_ascii": metrics(rollouts(codec, FOREIGN, LOOK, SAY), losses()),
        "repeated": metrics(rollouts(codec, "so it is, " * 4, LOOK, SAY), losses()),
        "kl": metrics(good, losses(kl=torch.full((2000,), 3.0))),
        "entropy": metrics(good, losses(entropy=torch.full((2000,), 1e-4))),
        "grad_norm": metrics(good, losses(), grad_norm=400.0),
        "importance_outside": metrics(good, losses(gap=tail(0.3, 0.5))),
        # A mean that looks safe: 0.4 % of the tokens are the matter.
        "importance_p999": metrics(good, losses(gap=tail(2.0, 0.004))),
    }


def rung(watching: Alarms, steps: int, seen: dict[str, float], start: int = 0) -> list[str]:
    """Messages of all alarms over `steps` steps that look alike."""
    return [
        alarm.message
        for step in range(start, start + steps)
        for alarm in watching.check(step, seen)
    ]


def test_every_alarm_of_params_has_something_that_rings_it(codec):
    assert {threshold.metric for threshold in SETTINGS.thresholds} == set(injected(codec))
    assert SETTINGS.divergence is not None


def test_a_turn_that_was_put_in_its_mouth_is_not_its_own(codec):
    stuck = rollouts(codec, "so it is, " * 4, LOOK, SAY)
    assert metrics(stuck, losses())["repeated"] == 1.0
    assert metrics([replace(one, given=1) for one in stuck], losses())["repeated"] == 0.0


def test_a_healthy_run_rings_nothing(codec):
    assert rung(Alarms(SETTINGS), 40, healthy(codec)) == []


@pytest.mark.parametrize("name", [threshold.metric for threshold in SETTINGS.thresholds])
def test_what_is_injected_rings_its_own_alarm(codec, name):
    (threshold,) = (one for one in SETTINGS.thresholds if one.metric == name)
    well, ill = healthy(codec), injected(codec)[name]
    watching = Alarms(SETTINGS)
    assert rung(watching, 10, well) == []
    messages = rung(watching, 2 * threshold.steps, ill, start=10)
    assert any(message.startswith(f"{name} averaged") for message in messages)


def test_reward_that_rises_while_nothing_more_is_solved_rings(codec):
    divergence = SETTINGS.divergence
    assert divergence is not None
    well = healthy(codec)

    def run(gain: float, solved: float) -> list[str]:
        watching, messages = Alarms(SETTINGS), []
        for step in range(2 * divergence.steps):
            seen = {"reward": gain * step, "success": 0.4 + solved * step}
            messages += [alarm.message for alarm in watching.check(step, well | seen)]
        return messages

    per_step = 2 * divergence.reward / divergence.steps
    assert any("read the rollouts for a hack" in message for message in run(per_step, -0.001))
    assert run(per_step, 0.01) == []
    assert run(0.0, -0.001) == []


def test_each_action_is_passed_on():
    for action in Action:
        threshold = {"metric": "kl", "above": 1.0, "steps": 1, "action": action}
        watching = Alarms(AlarmSettings.model_validate({"thresholds": [threshold]}))
        (alarm,) = watching.check(0, {"kl": 2.0})
        assert alarm.action is action


def test_a_misspelt_metric_is_refused_at_the_first_update(codec):
    threshold = {"metric": "grad_norn", "above": 1.0, "steps": 1, "action": "warn"}
    watching = Alarms(AlarmSettings.model_validate({"thresholds": [threshold]}))
    with pytest.raises(LedgerlineError, match=r"no metric grad_norn; there are: .*grad_norm"):
        watching.check(0, healthy(codec))
