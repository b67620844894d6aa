from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from ledgerline.environments.filings import episode_fields
from ledgerline.environments.transcript import Outcome
from ledgerline.errors import LedgerlineError
from ledgerline.rewards.audit import Audit, AuditSettings, audit
from ledgerline.rewards.audit_report import as_json, html
from ledgerline.rewards.degenerate import DEGENERATE, HONEST, answer, honest
from ledgerline.rewards.groups import (
    Comparison,
    GroupSettings,
    Payoffs,
    Scaling,
    beta_binomial,
    break_even,
    compare,
)
from ledgerline.rewards.observed import Observed, observe
from ledgerline.rewards.rubric import Rubric
from ledgerline.training.grpo import advantages
from tests.rewards.conftest import LIMITS, WEIGHTS, World

GROUPS = GroupSettings(accuracy=0.25, spread=1.0, silence=0.1, finds=0.3)
DIVIDED = Comparison(group_size=8, objective=Scaling(scale="group"))
PLAINLY = Comparison(group_size=8, objective=Scaling(scale="none"))
SETTINGS = AuditSettings(examples=150, margin=0.1, seed=1, groups=GROUPS)
PLAIN = {"right_figure": 1.0, "wrong_figure": -0.5, "figure_not_due": -0.5}


def audited(
    world: World,
    weights: dict[str, float],
    comparison: Comparison = DIVIDED,
    **changes: object,
) -> Audit:
    return audit(
        world.examples,
        world.environment,
        episode_fields,
        LIMITS,
        Rubric(weights),
        SETTINGS,
        comparison,
        **changes,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def default(world: World) -> Audit:
    return audited(world, WEIGHTS)


def rewards(found: Audit) -> dict[str, float]:
    return {row.policy: row.mean for row in found.rows}


def test_the_weights_audited_here_are_those_of_the_project() -> None:
    written = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    assert written["rubric"]["weights"] == WEIGHTS


def test_the_default_rubric_passes_and_predicts_trying(default: Audit) -> None:
    default.check()
    assert default.groups.predicts == "trying"
    assert all(group.favours == "trying" for group in default.groups.groups)
    assert len(DEGENERATE) >= 12
    assert max(rewards(default), key=rewards(default).__getitem__) == HONEST


def test_every_component_is_paid_to_somebody(default: Audit) -> None:
    assert default.dead == {}


def test_wrong_at_half_teaches_silence_on_average(world: World) -> None:
    found = audited(world, PLAIN)
    assert found.groups.predicts == "silence"
    assert found.groups.average_reward < 0
    with pytest.raises(LedgerlineError, match="break-even at 33% right"):
        found.check()


def test_wrong_at_a_tenth_teaches_silence_through_the_groups_never_solved(world: World) -> None:
    found = audited(world, PLAIN | {"wrong_figure": -0.1, "figure_not_due": -0.1})
    assert found.groups.average_reward > 0
    assert found.groups.predicts == "silence"
    assert found.groups.groups[0].favours == "silence"
    with pytest.raises(LedgerlineError, match="through the groups never solved"):
        found.check()


def test_a_base_that_solves_most_prompts_is_safe_from_it(world: World) -> None:
    weights = PLAIN | {"wrong_figure": -0.1, "figure_not_due": -0.1}
    solved = [
        (right, 7 - right, 1, prompts) for right, prompts in enumerate((1, 1, 2, 4, 8, 8, 8, 16))
    ]
    found = audited(world, weights, observed=Observed(groups=solved, finds=0.3))
    assert found.groups.observed
    assert found.groups.predicts == "trying"


def test_where_nothing_is_divided_the_groups_never_solved_do_not_outweigh_the_others(
    world: World,
) -> None:
    weights = PLAIN | {"wrong_figure": -0.1, "figure_not_due": -0.1}
    found = audited(world, weights, PLAINLY)
    assert found.groups.groups[0].favours == "silence"
    assert found.groups.predicts == "trying"
    assert audited(world, PLAIN, PLAINLY).groups.predicts == "silence"


# Four hacks that real runs have shown.


def test_everything_in_every_answer_is_stopped_by_the_verifier(default: Audit) -> None:
    assert rewards(default)["everything in every answer"] < rewards(default)["always silent"]


def test_silence_for_all_is_stopped_by_the_audit(world: World, default: Audit) -> None:
    assert rewards(default)["always silent"] < rewards(default)[HONEST] - 1
    generous = audited(world, WEIGHTS | {"silence_when_due": 1.3, "search_skipped": -0.1})
    with pytest.raises(LedgerlineError, match="'always silent' earns"):
        generous.check()


def test_noise_until_the_limit_is_stopped_by_the_outcome(world: World, default: Audit) -> None:
    for name in ("stall to the turn limit", "non-ASCII noise", "repeat text", "never answer"):
        assert rewards(default)[name] < -1
        for example in world.examples[:20]:
            outcome = world.play(example, DEGENERATE[name](example)).outcome
            assert outcome in (Outcome.OUT_OF_TURNS, Outcome.OUT_OF_TOKENS, Outcome.MALFORMED)


def test_the_same_answer_for_every_prompt_is_stopped(world: World, default: Audit) -> None:
    assert rewards(default)["answer blindly"] < rewards(default)["always silent"]
    # Even where the constant is the commonest right answer.
    common = max(
        (e.completion for e in world.examples if e.is_due),
        key=[e.completion for e in world.examples].count,
    )
    policies = DEGENERATE | {"the commonest figure": lambda _: lambda *_turn: answer(common)}
    found = audited(world, WEIGHTS, policies=policies)
    found.check()
    assert rewards(found)["the commonest figure"] < rewards(found)["always silent"]


def test_credit_for_finding_that_outweighs_the_answer_is_found(world: World) -> None:
    found = audited(
        world, WEIGHTS | dict.fromkeys(("right_figure", "wrong_figure", "made_up"), 0.0)
    )
    assert any("find, then answer wrongly" in fault for fault in found.faults)
    assert any("right_figure" in remedy or "wrong_figure" in remedy for remedy in found.remedies)


def test_a_remedy_mends(world: World) -> None:
    weights = WEIGHTS | {
        "figure_not_due": -0.1, "made_up": 0.0, "search_needless": 0.0, "right_silence": 0.1,
    }  # fmt: skip
    found = audited(world, weights)
    (remedy,) = [r for r in found.remedies if "answer also where none is due" in r]
    name, change = remedy.split(" ", 1)
    value = float(change.split("→ ")[1].split(" ")[0])
    mended = audited(world, weights | {name: value})
    assert not any("answer also where none is due" in fault for fault in mended.faults)


def test_dead_terms_are_listed(world: World) -> None:
    honest_only = {"always silent": DEGENERATE["always silent"]}
    found = audited(world, WEIGHTS, policies=honest_only)
    assert found.dead["made_up"] == "never paid"
    assert found.dead["figure_not_due"] == "never paid"
    assert any("no policies" in fault for fault in found.groups.faults)


def test_without_examples_there_is_nothing_to_audit(world: World) -> None:
    with pytest.raises(LedgerlineError, match="no examples"):
        audited(replace(world, examples=[]), WEIGHTS)


def test_the_page_and_the_json_say_the_same(default: Audit) -> None:
    found = as_json(default)
    page = html(default, "audit.png")
    assert found["passed"]
    assert found["predicts"] == "trying"
    for name, policy in found["policies"].items():
        assert name.replace("'", "&#x27;") in page
        assert f"{policy['reward']:+.2f}" in page


# The arithmetic of groups.


def test_break_even_is_where_answering_and_silence_pay_alike() -> None:
    payoffs = Payoffs(right=1.0, wrong=-0.5, silent=0.0, uncalled=-1.0, quiet=0.5)
    assert break_even(payoffs) == pytest.approx(1 / 3)
    for due in (1.0, 0.8, 0.6):
        p = break_even(payoffs, due)
        answering = due * (p * 1.0 + (1 - p) * -0.5) + (1 - due) * -1.0
        silence = due * 0.0 + (1 - due) * 0.5
        assert p == 1.0 or answering == pytest.approx(silence)


def test_pass_rates_of_the_assumed_base_add_up_to_its_accuracy() -> None:
    for spread in (0.5, 1.0, 4.0):
        shares = beta_binomial(replace_spread(spread))
        assert sum(shares) == pytest.approx(1)
        assert sum(k / 8 * share for k, share in enumerate(shares)) == pytest.approx(0.25)


def replace_spread(spread: float) -> GroupSettings:
    return GROUPS.model_copy(update={"spread": spread})


def test_a_group_where_all_is_paid_alike_teaches_nothing() -> None:
    found = compare(Payoffs(0.5, 0.5, 0.5), GROUPS, DIVIDED)
    assert {group.favours for group in found.groups} == {"neither"}
    assert found.faults == ()


@pytest.mark.parametrize("comparison", [DIVIDED, PLAINLY])
def test_the_pull_of_a_group_is_what_sampled_groups_give(comparison: Comparison) -> None:
    """The audit's sum over make-ups against advantages as the trainer computes them."""
    payoffs, rate = Payoffs(right=1.0, wrong=-0.5, silent=0.0), 0.125
    observed = Observed(groups=[(3, 21, 6, 1)], finds=0)
    silence = 6.5 / 31
    expected = compare(payoffs, GROUPS, comparison, observed).drift
    generator = torch.Generator().manual_seed(1)
    draws = torch.rand(40_000, comparison.group_size, generator=generator)
    silent = draws < silence
    right = draws > silence + (1 - silence) * (1 - rate)
    rewards = torch.where(silent, payoffs.silent, torch.where(right, payoffs.right, payoffs.wrong))
    found = advantages(rewards, comparison.objective.scale)
    assert float(found[~silent].sum() / draws.numel()) == pytest.approx(expected, abs=0.002)
    assert abs(expected) > 0.01


# What the audit is told of the base.


def test_the_base_is_observed_where_a_figure_is_due(world: World) -> None:
    example = world.one(lambda e: e.kind == "annual")
    quiet = world.one(lambda e: not e.is_due)
    plays = {
        name: world.play(example, DEGENERATE[name](example))
        for name in ("always silent", "find, then answer wrongly", "answer blindly")
    }
    right = world.play(example, honest(example))
    silent, found, blind = plays.values()
    seen = observe(
        [
            (example, [right, right, found, silent]),
            (example, [silent, silent, silent, silent]),
            (example, [blind, blind, found, found]),
            (quiet, [world.play(quiet, honest(quiet))] * 4),
        ]
    )
    assert seen.groups == [(0, 0, 4, 1), (0, 4, 0, 1), (2, 1, 1, 1)]
    assert seen.finds == pytest.approx(3 / 5)
    found = compare(Payoffs(1.0, -0.1, 0.0), GROUPS, DIVIDED, seen)
    # The prompt that was never tried says nothing; of the two others one is never solved.
    assert [(group.pass_rate, group.share) for group in found.groups if group.share] == [
        (0, 0.5), (0.625, 0.5),
    ]  # fmt: skip
    quiet_base = compare(Payoffs(1.0, -0.1, 0.0), GROUPS, DIVIDED, observe([(example, [silent])]))
    assert "always silent" in quiet_base.faults[0]
    with pytest.raises(LedgerlineError, match="no prompt has a figure due"):
        observe([(quiet, [silent])])
