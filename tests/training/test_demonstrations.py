"""What is shown of an expert, and what of it is learnt."""

from dataclasses import replace
from itertools import compress

from ledgerline.environments.scripted import Slip
from ledgerline.training.demonstrations import (
    DemonstrationSettings,
    choose,
    demonstrate,
    demonstration,
    first_turn,
)
from tests.training.conftest import new_policy
from tests.training.echo import QUESTIONS, TASK

SETTINGS = DemonstrationSettings(
    count=1000, phrasings=1.0, fewer={}, slips=0.5, misplaced=0.5, first_turns=0.0, first_lines=0.0
)


def text_of(codec, shown, marks):
    return codec.decode([token for token, mark in zip(shown.tokens, marks, strict=True) if mark])


def test_a_slip_is_read_and_not_learnt_and_the_expert_goes_on():
    codec = new_policy().codec
    plain = demonstrate(codec, TASK, QUESTIONS[0])
    shown = demonstrate(codec, TASK, QUESTIONS[0], [Slip("What is?")])
    learnt = text_of(codec, shown, shown.sampled)
    assert learnt.startswith("<tool_call>")
    assert text_of(codec, plain, plain.sampled).endswith(learnt)
    assert "What is?" in text_of(codec, shown, shown.slipped)
    assert not any(plain.slipped)


def test_of_a_turn_that_goes_wrong_in_the_middle_the_end_is_learnt():
    codec = new_policy().codec
    shown = demonstrate(codec, TASK, QUESTIONS[0], [Slip("What What", " is?")])
    assert text_of(codec, shown, shown.slipped).strip() == "What What"
    assert text_of(codec, shown, shown.sampled).lstrip().startswith("is?")


def test_a_misplaced_demonstration_stands_after_another_opening():
    codec = new_policy().codec
    slips = [Slip("What is?")]
    own = demonstrate(codec, TASK, QUESTIONS[0], slips)
    other = demonstrate(codec, TASK, QUESTIONS[0], slips, misplaced=QUESTIONS[1])
    assert text_of(codec, other, other.sampled) == text_of(codec, own, own.sampled)
    assert QUESTIONS[1].word in codec.decode(other.tokens)
    assert QUESTIONS[0].word not in codec.decode(other.tokens[: other.slipped.index(True)])


def test_a_first_turn_is_where_the_whole_episode_begins():
    codec = new_policy().codec
    for question in QUESTIONS:
        whole, first = demonstrate(codec, TASK, question), first_turn(codec, TASK, question)
        length = len(first.tokens)
        assert first.tokens == whole.tokens[:length]
        assert first.sampled == whole.sampled[:length]
        assert whole.sampled[length - 1]
        assert not any(whole.sampled[length : length + 1])
        assert not any(first.slipped)


def test_first_turns_come_in_their_share_where_nothing_slips():
    codec = new_policy().codec
    settings = SETTINGS.model_copy(update={"slips": 0.0, "first_turns": 0.5})
    items = [replace(QUESTIONS[0], id=f"q{number}") for number in range(200)]
    lengths = [len(demonstration(codec, TASK, one, QUESTIONS, settings, 1).tokens) for one in items]
    assert 70 < lengths.count(min(lengths)) < 130
    assert lengths.count(min(lengths)) + lengths.count(max(lengths)) == 200


def test_some_first_turns_end_with_their_first_line():
    codec = new_policy().codec
    task = replace(TASK, expert=lambda _: lambda *_: "figure\nthe rest")
    settings = SETTINGS.model_copy(update={"slips": 0.0, "first_turns": 1.0, "first_lines": 0.5})
    shown = [
        demonstration(codec, task, replace(QUESTIONS[0], id=f"q{n}"), QUESTIONS, settings, 1)
        for n in range(200)
    ]
    said = [codec.decode(list(compress(one.tokens, one.sampled))) for one in shown]
    whole = codec.decode(codec.encode_turn("figure\nthe rest"))
    assert set(said) == {codec.decode(codec.encode_part("figure")), whole}
    assert 70 < said.count(whole) < 130
    line, turn = (min(shown, key=lambda one: sign * len(one.tokens)) for sign in (1, -1))
    assert turn.tokens[: len(line.tokens)] == line.tokens


def test_slips_come_in_their_share_and_the_same_for_a_seed():
    codec = new_policy().codec
    items = [replace(QUESTIONS[0], id=f"q{number}") for number in range(200)]
    task = replace(TASK, slip=lambda _item, _rng, _turn: Slip("What is?"))

    def shown(seed):
        return [demonstration(codec, task, one, QUESTIONS, SETTINGS, seed) for one in items]

    first = shown(1)
    assert first == shown(1)
    assert first != shown(2)
    assert 70 < sum(any(one.slipped) for one in first) < 130


def test_fewer_phrasings_of_a_kind_can_be_shown_than_of_the_others():
    items = [
        replace(QUESTIONS[0], id=f"{kind}{number}", kind=kind, phrasing=f"{kind}{number}")
        for kind in ("often", "seldom")
        for number in range(20)
    ]
    chosen = choose(items, SETTINGS.model_copy(update={"fewer": {"seldom": 0.1}}), seed=0)
    assert [sum(one.kind == kind for one in chosen) for kind in ("often", "seldom")] == [20, 2]
