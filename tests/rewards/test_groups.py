"""What groups of rollouts teach, and what the audit is told of the base."""

import pytest
import torch

from ledgerline.errors import LedgerlineError
from ledgerline.rewards.degenerate import DEGENERATE, honest
from ledgerline.rewards.groups import Comparison, compare
from ledgerline.rewards.observed import Observed, observe
from ledgerline.rewards.payoffs import Payoffs, break_even, own_payoffs
from ledgerline.rewards.prompts import GroupSettings, assumed, beta_binomial, seen
from ledgerline.rewards.rubric import Rubric
from ledgerline.training.grpo import advantages
from tests.rewards.conftest import DIVIDED, GROUPS, PLAINLY, WEIGHTS, World

TENTH = Payoffs(right=1.0, wrong=-0.1, silent=0.0, uncalled=-0.1, quiet=0.0)


def base(
    due: list[tuple[int, int, int, int]], none_due: list[tuple[int, int, int]] | None = None
) -> Observed:
    return Observed(due=due, none_due=none_due or [], measures={})


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
    found = compare(Payoffs(0.5, 0.5, 0.5), assumed(GROUPS, 1.0), DIVIDED)
    assert {group.favours for group in found.groups} == {"neither"}
    assert found.faults == ()


@pytest.mark.parametrize("comparison", [DIVIDED, PLAINLY])
def test_the_pull_of_a_group_is_what_sampled_groups_give(comparison: Comparison) -> None:
    """The audit's sum over make-ups against advantages as the trainer computes them."""
    payoffs, rate = Payoffs(right=1.0, wrong=-0.5, silent=0.0), 0.125
    silence = 6.5 / 31
    expected = compare(payoffs, seen(base([(3, 21, 6, 1)])), comparison).drift
    found = sampled_pull(silence, rate, payoffs, comparison)
    assert found == pytest.approx(expected, abs=0.002)
    assert abs(expected) > 0.01


@pytest.mark.parametrize("comparison", [DIVIDED, PLAINLY])
def test_where_none_is_due_groups_teach_silence_as_sampled_ones_do(comparison: Comparison) -> None:
    payoffs = Payoffs(right=1.0, wrong=0.0, silent=0.0, uncalled=-1.0, quiet=0.6)
    none_due = compare(payoffs, seen(base([(4, 3, 1, 1)], [(10, 20, 1)])), comparison).none_due
    there = Payoffs(right=0.6, wrong=-1.0, silent=0.6)
    found = sampled_pull(20.5 / 31, 0.0, there, comparison)
    assert found == pytest.approx(none_due.drift, abs=0.002)
    assert none_due.drift < -0.1


def sampled_pull(silence: float, rate: float, payoffs: Payoffs, comparison: Comparison) -> float:
    generator = torch.Generator().manual_seed(1)
    draws = torch.rand(40_000, comparison.group_size, generator=generator)
    silent = draws < silence
    right = draws > silence + (1 - silence) * (1 - rate)
    rewards = torch.where(silent, payoffs.silent, torch.where(right, payoffs.right, payoffs.wrong))
    found = advantages(rewards, comparison.objective.scale)
    return float(found[~silent].sum() / draws.numel())


# Prompts where nothing is due.


def test_a_base_that_cannot_tell_prompts_apart_learns_silence() -> None:
    """The rewards, the pass rates and the groups' own pull are the same for both."""
    payoffs = Payoffs(right=1.0, wrong=-0.2, silent=0.0, uncalled=-0.5, quiet=0.2)
    due = [(2, 5, 1, 40), (5, 2, 1, 20)]
    knows = compare(payoffs, seen(base(due, [(1, 7, 60)])), PLAINLY, {})
    guesses = compare(payoffs, seen(base(due, [(6, 2, 60)])), PLAINLY, {})
    assert knows.own == guesses.own > 0
    assert knows.none_due.alike == pytest.approx(2 / 8)
    assert guesses.none_due.alike == pytest.approx(7 / 8)
    assert (knows.predicts, guesses.predicts) == ("trying", "silence")
    assert not knows.faults
    assert "through prompts where none is due (50% of all)" in guesses.faults[0]


def test_without_prompts_where_none_is_due_only_the_groups_own_pull_counts() -> None:
    found = compare(TENTH, seen(base([(1, 6, 1, 40)])), DIVIDED)
    assert found.drift == found.own
    assert found.none_due.share == 0


def test_the_charge_for_silence_that_is_advised_is_the_least_that_mends() -> None:
    prompts = seen(base([(1, 5, 2, 40), (3, 3, 2, 20)], [(3, 5, 60)]))
    for comparison in (DIVIDED, PLAINLY):
        payoffs = Payoffs(right=1.3, wrong=-1.2, silent=-0.8, uncalled=-1.4, quiet=0.3)
        (remedy,) = compare(payoffs, prompts, comparison, {"silence_when_due": -0.45}).remedies
        charge = -0.45 - float(remedy.removeprefix("silence_when_due -0.45 → "))
        assert charge > 0.02
        assert compare(charged(payoffs, charge), prompts, comparison).predicts == "trying"
        assert compare(charged(payoffs, charge - 0.02), prompts, comparison).predicts == "silence"


def charged(payoffs: Payoffs, charge: float) -> Payoffs:
    return Payoffs(
        payoffs.right, payoffs.wrong, payoffs.silent - charge, payoffs.uncalled, payoffs.quiet
    )


# What the audit is told of the base.


def test_the_base_is_observed_by_what_came_of_its_episodes(world: World) -> None:
    example = world.one(lambda e: e.kind == "annual")
    none_due = world.one(lambda e: not e.is_due and not e.calls)
    silent, found, blind = (
        world.play(example, DEGENERATE[name](example))
        for name in ("always silent", "find, then answer wrongly", "answer blindly")
    )
    right = world.play(example, honest(example))
    quiet = world.play(none_due, honest(none_due))
    uncalled = world.play(none_due, DEGENERATE["answer blindly"](none_due))
    episodes = [
        (example, [right, right, found, silent]),
        (example, [silent, silent, silent, silent]),
        (example, [blind, blind, found, found]),
        (none_due, [quiet, quiet, quiet, uncalled]),
    ]
    observed = observe(episodes)
    assert observed.due == [(0, 0, 4, 1), (0, 4, 0, 1), (2, 1, 1, 1)]
    assert observed.none_due == [(1, 3, 1)]
    assert (observed.share_due, observed.silence, observed.quiet) == (3 / 4, 5 / 12, 3 / 4)
    # The prompt that was never tried says nothing; of the two others one is never solved.
    shares = [
        (group.pass_rate, group.share)
        for group in compare(TENTH, seen(observed), DIVIDED).groups
        if group.share
    ]
    assert shares == [(0, 0.5), (0.625, 0.5)]


def test_whoever_is_silent_after_a_search_has_tried(world: World) -> None:
    example = world.one(lambda e: e.kind == "annual")
    names = ("search, then silent", "always silent")
    late, at_once = (world.play(example, DEGENERATE[name](example)) for name in names)
    assert observe([(example, [late, late, at_once])]).due == [(0, 2, 1, 1)]
    missing = world.one(lambda e: not e.is_due and bool(e.calls))
    episodes = [
        world.play(missing, honest(missing)),
        world.play(missing, DEGENERATE["always silent"](missing)),
    ]
    assert observe([(example, [late]), (missing, episodes)]).none_due == [(1, 1, 1)]


def test_what_the_base_does_is_paid_as_its_own_episodes_were(world: World) -> None:
    example = world.one(lambda e: e.kind == "annual")
    names = ("answer blindly", "stall to the turn limit", "always silent")
    blind, stalled, silent = (world.play(example, DEGENERATE[name](example)) for name in names)
    rubric = Rubric(WEIGHTS)
    wrong = [rubric.score(each, example).total for each in (blind, stalled)]
    otherwise = Payoffs(right=7.0, wrong=7.0, silent=7.0)
    payoffs = own_payoffs(observe([(example, [blind, stalled, silent])]), WEIGHTS, otherwise)
    assert payoffs.wrong == pytest.approx(sum(wrong) / 2, abs=0.001)
    assert payoffs.silent == pytest.approx(rubric.score(silent, example).total, abs=0.001)
    assert payoffs.right == 7.0  # which this base never was


def test_a_base_that_never_tries_has_nothing_to_learn(world: World) -> None:
    example = world.one(lambda e: e.kind == "annual")
    silent = world.play(example, DEGENERATE["always silent"](example))
    assert (
        "always silent" in compare(TENTH, seen(observe([(example, [silent])])), DIVIDED).faults[0]
    )
    none_due = world.one(lambda e: not e.is_due)
    with pytest.raises(LedgerlineError, match="no prompt has a figure due"):
        observe([(none_due, [silent])])
