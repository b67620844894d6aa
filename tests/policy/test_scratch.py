from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ledgerline.policy.codec import ChatCodec
from ledgerline.policy.policy import Policy
from ledgerline.policy.scratch import PAD, ROLES, ScratchModel, build_model, train_tokenizer
from tests.training.conftest import SHAPE

TOOL = {
    "function": {"name": "look", "parameters": {"properties": {"where": {}, "when": {}}}},
}
TOKENIZER = train_tokenizer(
    ["Net sales of Brantworth & Co. for FY 2023 were"] * 3, [TOOL], 400, 300
)
MARKS = [*ROLES.values(), PAD, '", "when": "', '"}}\n</tool_call>']
PIECES = st.text() | st.sampled_from(["Net sales", " (", "“", " ", "\n", "> ", *MARKS])
TEXT = st.lists(PIECES).map("".join)


@given(TEXT.filter(lambda text: not set("\u2581\u2060") & set(text)))
def test_tokens_say_what_the_text_says(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_a_name_is_spelt_alike_wherever_it_stands() -> None:
    name = TOKENIZER.encode("Brantworth & Co.")
    for place in ("of {} for", "“{}”", "({})", 'say "{}"', "<|end|>{}", '", "when": "{}"}}'):
        tokens = TOKENIZER.encode(place.replace("{}", "Brantworth & Co."))
        assert any(tokens[at : at + len(name)] == name for at in range(len(tokens))), place


def test_a_rare_word_is_not_spelt_with_what_common_ones_begin_with() -> None:
    common, rare = ["expects", "expected", "expectation"], ["exotic", "pending", "scriptures"]
    tokenizer = train_tokenizer([" ".join(common)] * 50 + [" ".join(rare)], [], 290, 287)
    tokens = [tokenizer.decode(token) for token in tokenizer.encode("It expects expenditures")]
    assert "expects" in tokens
    assert "exp" not in tokens
    assert {"ex", "pen"} <= set(tokens)


@pytest.mark.parametrize("pieces", [200, 401])
def test_pieces_hold_all_bytes_and_leave_words_room(pieces: int) -> None:
    with pytest.raises(ValidationError, match="pieces"):
        ScratchModel.model_validate(SHAPE.model_dump() | {"vocabulary": 400, "pieces": pieces})


def test_a_saved_policy_reads_and_writes_as_before(tmp_path: Path) -> None:
    text = "Net sales of “Brantworth” & Co. (10-K)"
    Policy(build_model(SHAPE, TOKENIZER, seed=1), ChatCodec(TOKENIZER)).save(tmp_path)
    loaded = Policy.load(tmp_path).codec.tokenizer
    assert loaded.encode(text) == TOKENIZER.encode(text)
    assert loaded.decode(loaded.encode(text)) == text
