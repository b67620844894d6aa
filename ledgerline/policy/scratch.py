"""A small policy from random weights: its tokenizer, its chat template, its architecture."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

import torch
from pydantic import Field, model_validator
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import PreTrainedModel, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from ledgerline.policy.induction import prime_copying
from ledgerline.settings import Settings

END = "<|end|>"
PAD = "<|pad|>"
ROLES = {"user": "<|user|>", "assistant": "<|assistant|>", "tool": "<|tool|>"}
# The instructions never change and a policy from scratch can't read them, so they cost it no
# tokens: the template leaves the system's message and the tools' schemas out.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}"
    "<|user|>{{ message.content }}<|end|>"
    "{% elif message.role == 'tool' %}<|tool|>{{ message.content }}<|end|>"
    "{% elif message.role == 'assistant' %}<|assistant|>{{ message.content or '' }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    "\n</tool_call>{% endfor %}<|end|>"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# A name is spelt with the same tokens wherever it stands, so that copying it is copying tokens.
# Each word begins with a mark, which stands for a space; after an opening, and where a text
# begins, it stands for nothing, and a space that is there is joined on. Digits and all other
# characters are tokens of their own.
_MARK = "\u2581"
_JOINT = "\u2060"
_OPENINGS = '("“[>'
_OPENING = f"[{re.escape(_OPENINGS)}]"
_PIECES = rf"{_MARK}?\p{{L}}+|\p{{N}}|\s|[^\p{{L}}\p{{N}}\s]"
_SPECIAL = (PAD, END, *ROLES.values())
_FEWEST = 256 + len(_SPECIAL)


class ScratchModel(Settings):
    """Shape of the Qwen2-architecture model, and how many tokens its tokenizer knows: `pieces` to
    spell words with, and the commonest words.

    `copying`: whether its weights start with a circuit that copies (`ledgerline/policy/induction`).
    `likeness`: how far the embeddings of words start alike where these are used alike
    (`ledgerline/policy/likeness`); 0: not at all.
    """

    vocabulary: int
    pieces: int = Field(ge=_FEWEST)
    width: int
    layers: int
    heads: int
    key_value_heads: int
    feed_forward: int
    context: int
    copying: bool
    likeness: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.pieces > self.vocabulary:
            raise ValueError("pieces are a part of the vocabulary: no more than it has tokens")
        return self


def train_tokenizer(
    corpus: Iterable[str], tools: list[dict[str, Any]], vocabulary: int, pieces: int
) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer of at most `vocabulary` tokens, learnt from `corpus`.

    The commonest words are tokens of their own. All others are spelt with `pieces` more, the bytes
    among them: a BPE of the list of those words, in which each stands once. Learnt from running
    text, a piece would be what a few common words begin with, and their meaning that of any rare
    word that begins alike: of "expects" alone, " exp" would make "expenditures" a forecast.

    The boilerplate of calling each of `tools` (JSON schemas) is one token a piece: a call costs
    what its arguments cost.
    """
    normalizer = _normalizer()
    cut = pre_tokenizers.Split(Regex(_PIECES), behavior="isolated")
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    counts = Counter(
        word
        for text in corpus
        for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text))
        if len(word.encode()) > 1
    )
    words = [spell.pre_tokenize_str(word)[0][0] for word, _ in counts.most_common()]
    common, rare = words[: vocabulary - pieces], words[vocabulary - pieces :]
    spelling = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=pieces,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    spelling.train_from_iterator(rare, trainer)
    model = json.loads(spelling.to_str())["model"]
    known = dict(model["vocab"])
    for word in common:
        known.setdefault(word, len(known))
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(known, merges, ignore_merges=True))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, spell])
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.ByteLevel(),
            decoders.Replace(Regex(rf"(?:\A|(?<={_OPENING})){_MARK}"), ""),
            decoders.Replace(_JOINT, ""),
            decoders.Replace(_MARK, " "),
        ]
    )
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in call_pieces(tools)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _normalizer() -> normalizers.Normalizer:
    """Spaces become marks, and each word after an opening gets one."""
    return normalizers.Sequence(
        [
            normalizers.Replace(Regex(f"(?<={_OPENING}) "), _JOINT + _MARK),
            *(
                normalizers.Replace(Regex(rf"{re.escape(mark)}(?=\p{{L}})"), mark + _MARK)
                for mark in _OPENINGS
            ),
            normalizers.Prepend(_MARK),
            normalizers.Replace(" ", _MARK),
        ]
    )


def call_pieces(tools: list[dict[str, Any]]) -> list[str]:
    """The constant text of a call to each tool, cut at its arguments, which also stand alone where
    a tool suggests a call.
    """
    pieces = []
    for tool in tools:
        function = tool["function"]
        names = list(function["parameters"]["properties"])
        pieces.append(
            f'<tool_call>\n{{"name": "{function["name"]}", "arguments": {{"{names[0]}": "'
        )
        if len(names) > 1:
            pieces += [f'{{"{names[0]}": "', *(f'", "{name}": "' for name in names[1:])]
    return list(dict.fromkeys([*pieces, '"}}\n</tool_call>']))


def build_model(
    shape: ScratchModel, tokenizer: PreTrainedTokenizerFast, seed: int
) -> PreTrainedModel:
    """A Qwen2-architecture causal LM with random weights, the same for the same `seed`."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    if shape.copying:
        prime_copying(model, torch.Generator().manual_seed(seed))
    return model
