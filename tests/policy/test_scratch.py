from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ledgerline.policy.codec import ChatCodec
from ledgerline.policy.policy import Policy
from ledgerline.policy.scratch import PAD, ROLES, build_model, train_tokenizer
from tests.training.conftest import SHAPE

TOOL = {
    "function": {"name": "look", "parameters": {"properties": {"where": {}, "when": {}}}},
}
TOKENIZER = train_tokenizer(["Net sales of Brantworth & Co. for FY 2023 were"] * 3, [TOOL], 400)
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


def test_a_saved_policy_reads_and_writes_as_before(tmp_path: Path) -> None:
    text = "Net sales of “Brantworth” & Co. (10-K)"
    Policy(build_model(SHAPE, TOKENIZER, seed=1), ChatCodec(TOKENIZER)).save(tmp_path)
    loaded = Policy.load(tmp_path).codec.tokenizer
    assert loaded.encode(text) == TOKENIZER.encode(text)
    assert loaded.decode(loaded.encode(text)) == text
