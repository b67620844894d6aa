from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from ledgerline.environments.filings import episode_fields
from ledgerline.environments.transcript import Outcome
from ledgerline.errors import LedgerlineError
from ledgerline.rewards.audit import Audit, AuditSettings, audit
from ledgerline.rewards.audit_report import as_json, html
from ledgerline.rewards.degenerate import DEGENERATE, HONEST, answer
from ledgerline.rewards.groups import Comparison
from ledgerline.rewards.judge import Judge, Judgement, Question
from ledgerline.rewards.observed import Observed
from ledgerline.rewards.rubric import Rubric
from tests.rewards.conftest import DIVIDED, GROUPS, LIMITS, PLAINLY, WEIGHTS, World

SETTINGS = AuditSettings(examples=150, margin=0.1, seed=1, groups=GROUPS)
PLAIN = {"right_figure": 1.0, "wrong_figure": -0.5, "figure_not_due": -0.5}


def audited(
    world: World,
    weights: dict[str, float],
    comparison: Comparison = DIVIDED,
    judge: Judge | None = None,
    **changes: object,
) -> Audit:
    return audit(
        world.examples,
        world.environment,
        episode_fields,
        LIMITS,
        Rubric(weights, judge),
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
    found = audited(world, weights, observed=Observed(due=solved, none_due=[], measures={}))
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
    assert rewards(default)["everything in every answer"] < rewards(default)[HONEST] - 1


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
    assert rewards(default)["answer blindly"] < rewards(default)[HONEST] - 1
    # Even where the constant is the commonest right answer.
    common = max(
        (e.completion for e in world.examples if e.is_due),
        key=[e.completion for e in world.examples].count,
    )
    policies = DEGENERATE | {"the commonest figure": lambda _: lambda *_turn: answer(common)}
    found = audited(world, WEIGHTS, policies=policies)
    found.check()
    assert rewards(found)["the commonest figure"] < rewards(found)[HONEST] - 1


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


@dataclass
class Judging:
    """A judge that passes what is `right`, and can't judge the document `hard`."""

    right: str
    hard: str

    def judge(self, question: Question, *_: object) -> Judgement | None:
        if question.document == self.hard:
            return None
        return Judgement(question.answer == self.right, "")


def test_an_example_on_which_the_judge_failed_is_left_out_and_counted(world: World) -> None:
    weights = WEIGHTS | {"judged": 0.5}
    few = replace(world, examples=world.examples[:60])
    whole = audited(few, weights, judge=Judging("nothing", ""))
    assert whole.ungraded == 0
    assert whole.dead == {"judged": "never paid"}
    hardest = next(row.example for row in whole.rows if row.policy == "answer blindly")
    found = audited(few, weights, judge=Judging("nothing", hardest))
    assert found.ungraded == 1
    assert all(row.example != hardest for row in found.rows)
    assert "failed: 1 example." in html(found, "audit.png")
    only = replace(world, examples=[e for e in few.examples if e.prompt == hardest])
    with pytest.raises(LedgerlineError, match="no audited example was graded"):
        audited(only, weights, judge=Judging("nothing", hardest))


def test_what_a_judge_pays_to_some_is_not_dead(world: World) -> None:
    due = world.one(lambda example: example.is_due)
    some = replace(world, examples=[due, *(e for e in world.examples if e.id != due.id)][:40])
    found = audited(some, WEIGHTS | {"judged": 0.5}, judge=Judging(due.completion, ""))
    assert "judged" not in found.dead


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
