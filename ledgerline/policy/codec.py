"""Text to tokens and back, in a policy's own chat template."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from transformers import PreTrainedTokenizerBase

_BETWEEN = re.compile(r'(", |\{)"\w+": "')
"""What stands before an argument of a call: begins nothing and ends nothing by itself."""


class ChatCodec:
    """A tokenizer and its chat template, used so that histories are only ever appended to.

    The tokens around a tool's reply are found once, by rendering a dialogue with and without
    the reply and keeping what the reply adds; the turns before it are never rendered again.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self.tokenizer = tokenizer
        self.end_of_turn: int = tokenizer.eos_token_id
        markup = (piece for piece in tokenizer.get_added_vocab() if not _BETWEEN.fullmatch(piece))
        self._markup = sorted(markup, key=len, reverse=True)
        self._prompt = lru_cache(maxsize=100_000)(self._render_prompt)
        self._result = lru_cache(maxsize=100_000)(self._render_result)
        self._decode = lru_cache(maxsize=200_000)(self._decode_tokens)

    def prompt(self, system: str, user: str, tools: list[dict[str, Any]]) -> list[int]:
        """Tokens up to the point where the policy's first turn begins."""
        return list(self._prompt(system, user, json.dumps(tools)))

    def tool_result(self, text: str) -> list[int]:
        """Tokens between the end of a turn and the start of the next: the tool's reply."""
        return list(self._result(text))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of one turn, without its end-of-turn token."""
        return self._decode(tuple(tokens))

    def encode_turn(self, text: str) -> list[int]:
        """Tokens of a turn that somebody else wrote (a demonstration), end of turn included."""
        return [*self.encode_part(text), self.end_of_turn]

    def encode_slip(self, wrong: str, rest: str) -> list[int]:
        """Tokens of a turn whose beginning went wrong."""
        return [*self.encode_part(wrong), *self.encode_turn(rest)]

    def encode_part(self, text: str) -> list[int]:
        """Tokens of the beginning of such a turn."""
        tokens: list[int] = self.tokenizer.encode(text, add_special_tokens=False) if text else []
        return tokens

    def _render_prompt(self, system: str, user: str, tools: str) -> tuple[int, ...]:
        messages = [
            {"role": "system", "content": system},
            {"role": "user", "content": self._neutral(user)},
        ]
        text = self.tokenizer.apply_chat_template(
            messages, tools=json.loads(tools), add_generation_prompt=True, tokenize=False
        )
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def _render_result(self, text: str) -> tuple[int, ...]:
        before: list[dict[str, str]] = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "!"},
        ]
        after = [*before, {"role": "tool", "content": self._neutral(text)}]
        template = self.tokenizer.apply_chat_template
        head: str = template(before, tokenize=False)
        end = str(self.tokenizer.eos_token)
        # The policy itself wrote the end of its turn, so what it adds begins right after it.
        head = head[: head.rindex(end) + len(end)]
        whole: str = template(after, add_generation_prompt=True, tokenize=False)
        if not whole.startswith(head):
            raise ValueError("the chat template rewrites earlier turns; histories can't be kept")
        return tuple(self.tokenizer.encode(whole[len(head) :], add_special_tokens=False))

    def _decode_tokens(self, tokens: tuple[int, ...]) -> str:
        return str(
            self.tokenizer.decode(
                list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        )

    def _neutral(self, text: str) -> str:
        """Documents and tool replies are data: markup in them is broken up, never obeyed."""
        for mark in self._markup:
            if mark in text:
                text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text
