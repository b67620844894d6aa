import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ledgerline.environments.filings import (
    CLOSEST,
    SUGGESTED,
    FilingsEnvironment,
    episode_fields,
)
from ledgerline.environments.scripted import Script
from ledgerline.environments.transcript import Outcome, Transcript, Turn
from ledgerline.examples.example import Ask, Example, Lookup
from ledgerline.filings.reckoning import RECKONINGS, metrics_in
from ledgerline.rewards.components import COMPONENTS
from ledgerline.rewards.degenerate import answer, arguments, bungled, comes_next, honest, search
from ledgerline.rewards.rubric import Rubric, RubricSettings
from tests.rewards.conftest import WEIGHTS, World

RUBRIC = Rubric(WEIGHTS)


def script(*turns: str) -> Script:
    return lambda _opening, done: turns[min(len(done), len(turns) - 1)]


def due(world: World) -> Example:
    return world.one(lambda example: example.kind == "annual")


def paid(world: World, example: Example, *turns: str) -> dict[str, float]:
    reward = RUBRIC.score(world.play(example, script(*turns)), example)
    assert reward.total == pytest.approx(sum(reward.breakdown.values()))
    return {name: value for name, value in reward.breakdown.items() if value and name != "tokens"}


def test_the_honest_episode_earns_the_figure_and_the_find(world: World) -> None:
    example = due(world)
    transcript = world.play(example, honest(example))
    reward = RUBRIC.score(transcript, example)
    assert {name for name, value in reward.breakdown.items() if value} == {
        "right_figure", "found_fact", "tokens",
    }  # fmt: skip
    assert reward.total > 1.25


def test_every_honest_episode_of_every_kind_is_right(world: World) -> None:
    for example in world.examples:
        transcript = world.play(example, honest(example))
        measured = RUBRIC.measure(transcript, example)
        assert measured["right_figure"] + measured["right_silence"] == 1, example
        unpaid = set(measured) - {"right_figure", "right_silence", "found_fact", "tokens"}
        assert all(measured[name] == 0 for name in unpaid), (example, measured)


def test_the_expert_says_first_what_comes_next(world: World) -> None:
    """And says "figure" exactly of what it looks up, but for what it leaves to be reckoned."""
    said = {}
    for example in world.examples:
        first, *later = world.play(example, honest(example)).turns
        said[example.kind] = first.text.partition("<tool_call>")[0]
        due = f"{example.ask}\n" if example.ask in RECKONINGS else "figure\n"
        assert (said[example.kind] == due) is bool(example.calls)
        assert all(turn.text.startswith("<tool_call>") for turn in later)
    assert said["headcount"] == "people\n"
    assert said["unreported_metric"] == "figure\n"
    assert all(re.fullmatch(r"[a-z]+\n", word) for word in said.values())


def test_a_blind_guess_is_wrong_made_up_and_skips_the_search(world: World) -> None:
    assert paid(world, due(world), answer("$7.77 trillion")) == {
        "wrong_figure": -0.4,
        "made_up": -0.2,
        "search_skipped": -0.8,
    }


def test_silence_when_due_earns_nothing_for_having_found_the_fact(world: World) -> None:
    example = due(world)
    assert paid(world, example, search(example.calls[0]), answer("")) == {"silence_when_due": -1.6}


def test_finding_the_fact_is_paid_once(world: World) -> None:
    example = due(world)
    call = search(example.calls[0])
    earned = paid(world, example, call, call, call, answer(example.completion))
    assert earned == {"right_figure": 1.0, "found_fact": 0.3, "extra_turns": -0.1}


def test_where_nothing_is_to_be_found_the_search_must_still_be_the_right_one(world: World) -> None:
    example = world.one(lambda one: one.kind == "unreported_metric")
    (call,) = example.calls
    bungled = search(replace(call, metric=call.metric[1:]))
    assert paid(world, example, bungled, answer("")) == {
        "right_silence": 0.4,
        "search_astray": -0.3,
    }
    earned = paid(world, example, bungled, search(call), answer(""))
    assert earned == {"right_silence": 0.4, "extra_turns": -0.05}
    assert paid(world, example, search(call), answer("")) == {"right_silence": 0.4}


def test_a_figure_where_none_is_due_costs_and_silence_there_pays(world: World) -> None:
    silent = world.one(lambda example: example.kind == "narrative")
    earned = paid(world, silent, answer("$1.0 billion"))
    assert earned == {"figure_not_due": -0.8, "made_up": -0.2}
    assert paid(world, silent, answer("")) == {"right_silence": 0.4}


def test_a_needless_search_costs(world: World) -> None:
    silent = world.one(lambda example: example.kind == "opinion")
    example = due(world)
    earned = paid(world, silent, search(example.calls[0]), answer(""))
    assert earned["search_needless"] == -0.1


def test_a_reckoned_figure_is_not_made_up(world: World) -> None:
    for ask in (Ask.CHANGE, Ask.GROWTH, Ask.RATIO):
        example = world.one(lambda e, ask=ask: e.ask is ask)
        honestly = world.play(example, honest(example))
        measured = RUBRIC.measure(honestly, example)
        assert (measured["right_figure"], measured["made_up"], len(honestly.turns)) == (1, 0, 2)
        assert honestly.turns[0].text.startswith(f"{ask}\n")
        blind = RUBRIC.measure(world.play(example, script(answer(example.completion))), example)
        assert blind["made_up"] == 1


def test_who_looks_up_two_figures_may_reckon_alone(world: World) -> None:
    example = world.one(lambda e: e.ask is Ask.RATIO)
    (call,) = example.calls
    two = [search(replace(call, metric=metric)) for metric in metrics_in(call.metric)]
    measured = RUBRIC.measure(
        world.play(example, script(*two, answer(example.completion))), example
    )
    assert (measured["right_figure"], measured["made_up"]) == (1, 0)


def test_refused_calls_are_counted(world: World) -> None:
    example = due(world)
    earned = paid(world, example, "no call", search(example.calls[0]), answer(example.completion))
    assert earned["invalid_calls"] == -0.1


@pytest.mark.parametrize("text", ["figure " * 200, "Ωжあ§¤·漢字♦ыλ" * 40, "I will not answer."])
def test_running_out_is_never_silence(world: World, text: str) -> None:
    for example in (due(world), world.one(lambda e: e.kind == "narrative")):
        transcript = world.play(example, script(text))
        assert transcript.outcome not in (Outcome.ANSWERED, Outcome.ABSTAINED)
        measured = RUBRIC.measure(transcript, example)
        assert measured["no_answer"] == 1
        assert measured["right_silence"] == measured["silence_when_due"] == 0
        assert RUBRIC.score(transcript, example).total <= -1


def test_a_failed_tool_leaves_the_episode_ungraded(world: World) -> None:
    example = due(world)
    failed = Transcript(example.prompt, (), Outcome.TOOL_FAILED, None, (), 12)
    assert not RUBRIC.score(failed, example).graded


def test_a_component_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValidationError, match="rihgt_figure"):
        RubricSettings(weights={"rihgt_figure": 1.0})


turns = st.one_of(
    st.text(max_size=80),
    st.builds(answer, st.text(max_size=40)),
    st.builds(answer, st.sampled_from(["$1.2 billion", "12.5%", "−3", "1 2", ""])),
    st.just('<tool_call>\n{"name": "search", "arguments": {"company": "x", "metric": "y"}}'),
)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), written=st.lists(turns, min_size=1, max_size=6))
def test_every_episode_gets_exactly_one_verdict(world: World, data, written: list[str]) -> None:
    example = data.draw(st.sampled_from(world.examples))
    transcript = world.play(example, script(*written))
    measured = {name: function(transcript, example) for name, function in COMPONENTS.items()}
    verdicts = (
        "right_figure", "right_silence", "wrong_figure", "figure_not_due", "silence_when_due",
        "no_answer",
    )  # fmt: skip
    assert sum(measured[name] for name in verdicts) == 1
    assert all(value >= 0 for value in measured.values())


def begun(world: World, example: Example) -> FilingsEnvironment:
    environment = world.environment()
    environment.reset(**episode_fields(example))
    return environment


@pytest.mark.parametrize("name", ["company", "metric", "period"])
@pytest.mark.parametrize("wrong", ["the amount on file", ""])
def test_a_miss_shows_what_the_search_that_the_document_names_finds(
    world: World, name: str, wrong: str
) -> None:
    example = world.one(lambda one: one.kind == "annual" and one.calls[0].company[0].isupper())
    (call,) = example.calls
    environment = begun(world, example)
    reply = environment.search(**{**arguments(call), name: wrong})
    assert reply.startswith(f"No such {name}. {CLOSEST}{example.completion} | ")
    assert environment.search(**arguments(call)) == reply.partition(CLOSEST)[2]
    missed, found = environment.evidence
    assert (missed["argument"], found["argument"]) == (name, None)
    assert missed["accession"] == found["accession"]


def test_a_miss_suggests_the_search_itself_where_that_would_miss_too(world: World) -> None:
    example = world.one(lambda one: one.kind == "unreported_metric")
    (call,) = example.calls
    environment = begun(world, example)
    reply = environment.search(**{**arguments(call), "company": "the amount on file"})
    suggested = json.loads(reply.removeprefix(f"No such company. {SUGGESTED}"))
    assert suggested == arguments(call)


def test_a_metric_that_goes_on_is_not_the_one_it_begins_with(world: World) -> None:
    example = world.one(lambda one: one.kind == "annual")
    (call,) = example.calls
    longer = {**arguments(call), "metric": f"{call.metric} per visit"}
    document = example.prompt.replace(call.metric, longer["metric"])
    environment = begun(world, replace(example, prompt=document))
    reply = environment.search(**longer)
    assert CLOSEST not in reply
    assert SUGGESTED not in reply
    assert not environment.evidence[-1]["hit"]


def test_what_was_misread_as_longer_is_shown_what_it_was(world: World) -> None:
    example = world.one(lambda one: one.kind == "annual")
    (call,) = example.calls
    environment = begun(world, example)
    for name in ("company", "metric", "period"):
        longer = {**arguments(call), name: f"{arguments(call)[name]} per visit"}
        reply = environment.search(**longer)
        assert reply.startswith(f"No such {name}. {CLOSEST}{example.completion} | ")
    environment.reset(f"{call.company} writes of {call.metric} for {call.period}: ")
    assert CLOSEST not in environment.search(f"{call.company} writes", call.metric, call.period)


@pytest.mark.parametrize(
    ("argument", "mixed"),
    [
        ("company", "{company} {metric}"),
        ("company", "{metric} of {company}"),
        ("company", "{company} {period}"),
        ("metric", "{company} {metric}"),
        ("metric", "{metric} of {company}"),
        ("metric", "{metric}, {period}"),
    ],
)
def test_names_of_other_arguments_are_told_apart(world: World, argument: str, mixed: str) -> None:
    example = world.one(lambda one: one.kind == "annual" and one.calls[0].company[0].isupper())
    (call,) = example.calls
    environment = begun(world, example)
    asked = arguments(call) | {argument: mixed.format(**arguments(call))}
    assert environment.search(**asked).startswith(f"{example.completion} | ")
    assert environment.evidence[-1]["arguments"] == asked


def test_whoever_takes_what_is_closest_pays_for_it(world: World) -> None:
    example = world.one(lambda one: one.kind == "annual")
    bare = search(Lookup("", "", ""))
    earned = paid(world, example, bare, answer(example.completion))
    assert earned == {"right_figure": 1.0, "found_fact": 0.3, "search_amended": -0.1}


@pytest.mark.parametrize("kept", [lambda name: name.split()[0], lambda name: name[:-3]])
def test_a_name_cut_short_is_completed_from_the_document(
    world: World, kept: Callable[[str], str]
) -> None:
    example = world.one(
        lambda one: one.kind == "annual" and bool(re.search(r" \w{7,}$", one.calls[0].metric))
    )
    (call,) = example.calls
    environment = begun(world, example)
    cut = {**arguments(call), "metric": kept(call.metric)}
    assert environment.search(**cut).startswith(f"{example.completion} | ")
    assert environment.evidence[-1]["arguments"] == cut


def test_what_is_reckoned_keeps_its_form_where_a_name_in_it_fails(world: World) -> None:
    example = world.one(
        lambda one: one.ask is Ask.GROWTH and len(one.calls[0].metric[18:].split(" ")[-1]) > 6
    )
    (call,) = example.calls
    environment = begun(world, example)
    cut = {**arguments(call), "metric": call.metric[:-3]}
    assert environment.search(**cut).startswith(f"{example.completion} | ")
    wrong = {**arguments(call), "metric": "percent change in the amount on file"}
    reply = environment.search(**wrong)
    assert reply.startswith(f"No such metric. {CLOSEST}{example.completion} | ")


def test_of_a_ratio_the_half_that_is_known_stays(world: World) -> None:
    example = world.one(lambda one: one.ask is Ask.RATIO)
    (call,) = example.calls
    part, whole = metrics_in(call.metric)
    environment = begun(world, example)
    for metric in (f"the amount on file / {whole}", f"{part} / the amount on file"):
        reply = environment.search(**{**arguments(call), "metric": metric})
        assert reply.startswith(f"No such metric. {CLOSEST}{example.completion} | ")


def test_no_company_and_no_period_is_reckoned(world: World) -> None:
    example = due(world)
    (call,) = example.calls
    environment = begun(world, example)
    for name in ("company", "period"):
        for wrong in ("change in mood", "revenue / the amount on file"):
            reply = environment.search(**{**arguments(call), name: wrong})
            assert reply.startswith(f"No such {name}. {CLOSEST}{example.completion} | ")


def test_a_name_that_begins_like_a_change_is_looked_up_whole(world: World) -> None:
    environment = world.environment()
    company = next(iter(world.search.companies.values()))
    environment.reset(
        f"{company.name}: change in glacier accuracy for fiscal 2020 was ",
        glossary=[("change in glacier accuracy", "revenue")],
    )
    plain = environment.search(company.name, "revenue", "fiscal 2020")
    assert "FY2020" in plain
    for metric in ("change in glacier accuracy", "Change in glacier accuracy"):
        assert environment.search(company.name, metric, "fiscal 2020") == plain
    changed = environment.search(company.name, "change in change in glacier accuracy", "FY2020")
    assert changed != plain


def test_the_fact_is_found_by_asking_for_just_that(world: World) -> None:
    example = world.one(lambda one: one.ask is Ask.GROWTH)
    (call,) = example.calls
    (metric,) = metrics_in(call.metric)
    plainly = search(replace(call, metric=metric))
    assert "found_fact" not in paid(world, example, plainly, answer(example.completion))
    example = due(world)
    (call,) = example.calls
    changed = search(replace(call, metric=f"change in {call.metric}"))
    assert "found_fact" not in paid(world, example, changed, answer(example.completion))


def test_nothing_is_suggested_where_the_document_itself_is_what_fails(world: World) -> None:
    example = world.one(lambda one: one.kind == "not_reported")
    (call,) = example.calls
    environment = begun(world, example)
    reply = environment.search(**arguments(call))
    assert " reports no " in reply
    assert SUGGESTED not in reply


def test_a_slip_misses_and_the_expert_goes_on_from_it(world: World) -> None:
    slipped = 0
    for number, example in enumerate(world.examples):
        first = bungled(example, world.search, random.Random(number), 0)
        if first is None:
            continue
        slipped += 1
        second = bungled(example, world.search, random.Random(number), 1)
        assert second is not None
        assert first.text == f"{comes_next(example)}\n{second.text}"
        follow = honest(example)

        def script(
            opening: str, turns: Sequence[Turn], first: str = first.text, follow: Script = follow
        ) -> str:
            return follow(opening, turns) if turns else first

        transcript = world.play(example, script)
        assert transcript.turns[0].result.split(" | ")[0] != example.completion
        measured = RUBRIC.measure(transcript, example)
        assert measured["right_figure"] + measured["right_silence"] == 1, (example, transcript)
    assert slipped > len(world.examples) / 2
