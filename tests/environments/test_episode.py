"""Every episode ends in exactly one outcome, whatever the policy writes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Dialogue, Limits, noise
from ledgerline.environments.environment import tool_schemas, tools_of
from ledgerline.environments.episode import Episode
from ledgerline.environments.transcript import Outcome
from ledgerline.evaluation.records import read_records, transcript_json, write_records
from tests.evaluation.synthetic import record
from tests.training.echo import QUESTIONS, TASK, Echo

LIMITS = Limits(turns=4, tokens=400, turn_tokens=150, refusals=1, noise=0.8, seconds=60)
RED = {"word": "red"}
END = 0


class Letters:
    """A codec of one token a character; 0 ends a turn."""

    end_of_turn = END

    def prompt(self, system, user, tools):
        return [ord(letter) for letter in user]

    def tool_result(self, text):
        return [ord(letter) for letter in text]

    def decode(self, tokens):
        return "".join(map(chr, tokens))


def dialogue(**changes) -> Dialogue:
    return Dialogue(Echo(), RED, LIMITS.model_copy(update=changes))


def say(*texts: str, **changes) -> Dialogue:
    made = dialogue(**changes)
    for text in texts:
        made.say(text, len(text) // 4 + 1)
    return made


def test_an_honest_episode_is_answered():
    made = say(write_call("look_up", RED), write_call("say", {"answer": "red"}))
    assert made.outcome is Outcome.ANSWERED
    assert made.transcript().answer == "red"
    assert [turn.result for turn in made.turns] == ["red", "thanks"]


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_abstaining_is_an_act(blank):
    assert say(write_call("say", {"answer": blank})).outcome is Outcome.ABSTAINED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("red", "No tool call"),
        ("", "No tool call"),
        ("<tool_call>{</tool_call>", "not valid JSON"),
        ("<tool_call>[]</tool_call>", "name"),
        (write_call("shout", {"answer": "red"}), "No tool 'shout'"),
        (write_call("say", {}), "answer is missing"),
        (write_call("say", {"answer": "red", "loud": "yes"}), "'loud' is not an argument"),
        (write_call("say", RED) + write_call("say", RED), "one at a time"),
        ('<tool_call>{"name": "say", "arguments": {"answer": null}}</tool_call>', "must be text"),
        ('<tool_call>{"name": "say", "arguments": {"answer": "\\ud800"}}</tool_call>', "Unicode"),
    ],
)
def test_a_bad_call_is_told_what_was_wrong_and_the_episode_goes_on(text, why):
    made = dialogue()
    reply = made.say(text, 10)
    assert reply is not None
    assert why in reply
    assert made.outcome is None
    made.say(text, 10)
    assert made.outcome is Outcome.MALFORMED


@pytest.mark.parametrize(
    "call",
    [
        '{"name": "say", "arguments": {"value": 123456789012345678901234}}',
        '{"name": "say", "arguments": {"loud": "\\ud800"}}',
        '{"name": "say", "arguments": {"\\ud800": "red"}}',
        '{"name": "\\ud800", "arguments": {"answer": "red"}}',
        '{"name": "\\ud800", "arguments": []}',
        *(
            f'{{"name": "say", "arguments": {{"answer": {"[" * depth}{"]" * depth}}}}}'
            for depth in (248, 300)
        ),
    ],
)
def test_a_refused_call_that_no_record_can_hold_is_left_out_of_it(tmp_path, call):
    made = say(f"<tool_call>{call}</tool_call>", refusals=0, noise=1.0)
    assert (made.turns[0].tool, made.turns[0].arguments) == (None, {})
    path = tmp_path / "records.jsonl"
    write_records(path, [record("one", transcript=transcript_json(made.transcript()))])
    (read,) = read_records(path)
    assert call in read.transcript["turns"][0]["text"]


def test_a_refused_call_is_kept_with_its_arguments():
    made = say(write_call("say", {"loud": "yes"}))
    assert (made.turns[0].tool, made.turns[0].arguments) == ("say", {"loud": "yes"})


def test_limits_end_the_episode():
    look = write_call("look_up", RED)
    assert say(*[look] * 4).outcome is Outcome.OUT_OF_TURNS
    assert say(look, tokens=3).outcome is Outcome.OUT_OF_TOKENS
    assert say("é" * 60).outcome is Outcome.MALFORMED
    assert say("red " * 60).outcome is Outcome.MALFORMED
    cut = dialogue()
    assert cut.say(look, 5, complete=False) is None
    assert cut.outcome is Outcome.OUT_OF_TOKENS
    clock = iter([0.0, 100.0, 200.0])
    slow = Dialogue(Echo(), RED, LIMITS, clock=lambda: next(clock))
    slow.say(look, 5)
    assert slow.outcome is Outcome.OUT_OF_TURNS


def test_a_tool_that_fails_is_not_the_policys_doing():
    class Broken(Echo):
        def look_up(self, word: str) -> str:
            """Fail.

            Args:
                word: A word.

            Returns:
                Never.
            """
            raise OSError("no disk")

        def say(self, answer: str) -> str:
            """End.

            Args:
                answer: A word.

            Returns:
                Thanks.
            """
            return super().say(answer)

    made = Dialogue(Broken(), RED, LIMITS)
    assert made.say(write_call("look_up", RED), 5) is None
    assert made.outcome is Outcome.TOOL_FAILED
    assert "no disk" in str(made.turns[0].problem)


fragments = st.sampled_from(
    [
        "<tool_call>",
        "</tool_call>",
        '{"name": "say", "arguments": {"answer": "',
        '"}}',
        '{"name": "look_up"',
        "\x00",
        "\ud800",
        "red",
        "[" * 300,
        "9" * 5000,
        write_call("look_up", RED),
        write_call("say", {"answer": "red"}),
        write_call("say", {"answer": ""}),
    ]
)
streams = st.lists(st.lists(st.one_of(fragments, st.text(max_size=40)), max_size=6), max_size=8)


@settings(max_examples=300, deadline=None)
@given(streams, st.booleans())
def test_hostile_streams_end_in_exactly_one_outcome(turns, ended):
    episode = Episode(Echo(), RED, Letters(), LIMITS)
    for turn in turns:
        if episode.over:
            break
        tokens = [ord(letter) for letter in "".join(turn)][: episode.turn_budget]
        tokens = [token for token in tokens if token != END]
        if ended:
            tokens = [*tokens[: episode.turn_budget - 1], END]
        episode.advance(tokens, [0.0] * len(tokens))
    while not episode.over:
        episode.advance([END], [0.0])
    transcript = episode.transcript()
    assert transcript.outcome in Outcome
    acted = [turn for turn in transcript.turns if turn.tool == "say" and not turn.problem]
    said = transcript.outcome in (Outcome.ANSWERED, Outcome.ABSTAINED)
    assert said == bool(acted)
    if transcript.outcome is Outcome.ABSTAINED:
        assert json.loads(
            transcript.turns[-1].text.split("<tool_call>")[1].split("</tool_call>")[0]
        )
        assert transcript.answer is not None
        assert not transcript.answer.strip()
    assert len(episode.tokens) == len(episode.sampled) == len(episode.logprobs)
    with pytest.raises(RuntimeError):
        episode.advance([END], [0.0])


def test_tools_are_the_public_methods_but_reset():
    assert list(tools_of(Echo())) == ["look_up", "say"]
    names = [schema["function"]["name"] for schema in tool_schemas(Echo)]
    assert names == ["look_up", "say"]


def test_noise_spares_short_texts_and_ordinary_calls():
    assert noise("€ −3") == 0.0
    assert noise(write_call("look_up", RED)) < 0.5
    assert TASK.expert(QUESTIONS[0])("", []) == write_call("look_up", RED)


def test_a_choice_is_what_a_turn_writes_before_its_arguments():
    """How a name is spelt counts for nothing, and a turn that was put in its mouth neither."""
    turns = [write_call("look_up", RED), "red, I think", write_call("say", {"answer": "red"})]
    episode = Episode(Echo(), RED, Letters(), LIMITS)
    for turn in turns:
        tokens = [*map(ord, turn), END]
        episode.advance(tokens, [-0.5] * len(tokens))
    chosen = [turn.index('"arguments"') + len('"arguments"') for turn in (turns[0], turns[2])]
    assert episode.choices == [-0.5 * chosen[0], -0.5 * (len(turns[1]) + 1), -0.5 * chosen[1]]

    given = Episode(Echo(), RED, Letters(), LIMITS)
    tokens = [*map(ord, turns[2]), END]
    given.advance(tokens, [-0.5] * len(tokens), sampled=False)
    assert given.choices == []
