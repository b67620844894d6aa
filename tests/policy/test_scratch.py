from hypothesis import given
from hypothesis import strategies as st

from ledgerline.policy.scratch import PAD, ROLES, train_tokenizer

TOOL = {
    "function": {"name": "look", "parameters": {"properties": {"where": {}, "when": {}}}},
}
TOKENIZER = train_tokenizer(["Net sales of Brantworth & Co. for FY 2023 were"] * 3, [TOOL], 400)
MARKS = [*ROLES.values(), PAD, '", "when": "', '"}}\n</tool_call>']
PIECES = st.text() | st.sampled_from(["Net sales", " (", "“", " ", "> ", *MARKS])
TEXT = st.lists(PIECES).map("".join)


@given(TEXT.filter(lambda text: not set("\u2581\u2060") & set(text)))
def test_tokens_say_what_the_text_says(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_a_name_is_spelt_alike_wherever_it_stands() -> None:
    name = TOKENIZER.encode("Brantworth & Co.")
    for place in ("of {} for", "“{}”", "({})", 'say "{}"', "<|end|>{}", '", "when": "{}"}}'):
        tokens = TOKENIZER.encode(place.replace("{}", "Brantworth & Co."))
        assert any(tokens[at : at + len(name)] == name for at in range(len(tokens))), place
