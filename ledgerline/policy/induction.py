"""Initial weights that can already copy.

From random weights, most of a short training goes into finding the induction circuit (arXiv
2209.11895): heads that look at the tokens before, and a head that goes to where the same tokens
stood earlier and copies what came next. Until it is there, names are learnt by heart and a new
one can't be written. The circuit is simple enough to write down, so the weights start with it,
as trainable as any:

- One half of the residual stream holds the token, the other half hashes of the last few tokens
  before it. Heads of layer 0 that look 1, 2, 3 places back write them there.
- In layer 1 the first head of each key-value group compares the tokens up to here with those
  before every other place, and copies the token that it finds where they agree.
- All other heads copy too, faintly, from wherever they learn to look.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ledgerline.errors import LedgerlineError

_LONGEST_TRAIL = 3
"""Tokens back that are compared, where there are as many heads."""
_QUICK = 4
"""Rotary frequencies, the quickest, that tell one place from the next."""
_LOOK_BACK = 6.0
"""Their amplitude in queries and keys of heads that look a fixed number of places back."""
_EMBEDDING = 0.2
"""Standard deviation of a token's dimensions: makes a copied token stand out in the logits."""
_TRAIL = 0.6
"""Size of a hash in the residual stream, in sizes of the token's own embedding."""
_MATCH = 1.5
"""Weight of queries and keys that compare: the larger, the sharper."""
_COPY = 3.0
"""Size of what a comparing head copies, as a multiple of the token's own embedding."""
_CARRY = 0.5
"""The same for a head that has yet to learn where to look."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where things stand in the residual stream [width] and in a head [head]."""

    width: int
    head: int
    heads: int
    groups: int
    frequencies: Tensor
    slow: Tensor
    """Dimensions of a head that turn little over the whole context: what afar compares by."""

    @property
    def token(self) -> int:
        """Dimensions that hold the token itself, the first ones."""
        return self.width // 2

    @property
    def trail(self) -> int:
        """Tokens back that are compared."""
        return min(_LONGEST_TRAIL, self.heads)

    @property
    def hashed(self) -> int:
        """Dimensions of the hash of one token."""
        return min(len(self.slow), (self.width - self.token) // self.trail)

    @property
    def size(self) -> float:
        """Norm of a token's embedding."""
        return _EMBEDDING * math.sqrt(self.token)

    def rows(self, head: int) -> slice:
        """What belongs to `head` among the dimensions of all heads."""
        return slice(head * self.head, (head + 1) * self.head)

    def group(self, head: int) -> int:
        """The key-value group that `head` reads."""
        return head // (self.heads // self.groups)

    def back(self, places: int) -> slice:
        """Dimensions of the residual stream with the hash of the token `places` before."""
        start = self.token + (places - 1) * self.hashed
        return slice(start, start + self.hashed)


@torch.no_grad()
def prime_copying(model: PreTrainedModel, generator: torch.Generator) -> None:
    """Write the induction circuit into the random weights of a Qwen2 `model`, in place.

    Raises `LedgerlineError` where the model is too small to hold it.
    """
    layers: Any = model.get_decoder().layers
    plan = _plan(model)
    if len(layers) < 2 or plan.hashed < 2:
        raise LedgerlineError(
            f"a model of {len(layers)} layers and width {plan.width} has no room for copying: "
            "make it larger, or set policy.scratch.copying to false in params.yaml"
        )
    embedding = model.get_input_embeddings().weight
    noise = torch.randn(len(embedding), plan.token, generator=generator)
    embedding[:, : plan.token] = _EMBEDDING * noise
    embedding[:, plan.token :] = 0.0
    hashing = torch.randn(plan.hashed, plan.token, generator=generator) / math.sqrt(plan.token)
    _look_back(layers[0].self_attn, plan, hashing)
    for head in range(plan.heads):
        compares = head == 0 or plan.group(head) != plan.group(head - 1)
        _copy(layers[1].self_attn, plan, head, _COPY if compares else _CARRY)
        if compares:
            _compare(layers[1].self_attn, plan, head, hashing)
        for layer in layers[2:]:
            _copy(layer.self_attn, plan, head, _CARRY)


def _plan(model: PreTrainedModel) -> _Plan:
    config = model.config
    frequencies = model.get_decoder().rotary_emb.inv_freq.float()
    # A quarter turn over half the context still leaves like beside like.
    slow = torch.nonzero(frequencies * config.max_position_embeddings < math.pi).flatten()
    return _Plan(
        width=config.hidden_size,
        head=2 * len(frequencies),
        heads=config.num_attention_heads,
        groups=config.num_key_value_heads,
        frequencies=frequencies,
        slow=torch.cat((slow, slow + len(frequencies))),
    )


def _look_back(attention: Any, plan: _Plan, hashing: Tensor) -> None:
    """Heads 0, 1, … look 1, 2, … places back and write the hash of the token they see.

    A query turned back by n places meets the key n places before it in phase, whatever the
    tokens: biases alone make such a head.
    """
    quick, half = plan.frequencies[:_QUICK], len(plan.frequencies)
    for group in range(plan.groups):
        rows = plan.rows(group)
        attention.k_proj.weight[rows] *= 0.1
        attention.k_proj.bias[rows] = 0.0
        attention.k_proj.bias[rows][: len(quick)] = _LOOK_BACK
        attention.v_proj.weight[rows][: plan.hashed] = 0.0
        attention.v_proj.weight[rows][: plan.hashed, : plan.token] = hashing
    # The layer sees states of norm √width; a hash keeps √(hashed / token) of that.
    seen = math.sqrt(plan.width * plan.hashed / plan.token)
    for places in range(1, plan.trail + 1):
        rows = plan.rows(places - 1)
        attention.q_proj.weight[rows] *= 0.1
        bias = attention.q_proj.bias[rows]
        bias[:] = 0.0
        bias[: len(quick)] = _LOOK_BACK * torch.cos(quick * places)
        bias[half : half + len(quick)] = -_LOOK_BACK * torch.sin(quick * places)
        columns = attention.o_proj.weight[:, rows]
        columns[:] = 0.0
        columns[plan.back(places), : plan.hashed] = (
            torch.eye(plan.hashed) * _TRAIL * plan.size / seen
        )


def _compare(attention: Any, plan: _Plan, head: int, hashing: Tensor) -> None:
    """Let `head` match the tokens up to here with those before each place.

    The hashes of a trail are added up, each shuffled in its own way, so that their order counts.
    """
    shuffles = [torch.eye(plan.hashed).roll(7 * places, 0) for places in range(plan.trail)]
    slow = plan.slow[: plan.hashed]
    # Brings a hash read from the trail to the size of one made from the token itself.
    level = math.sqrt(plan.hashed / plan.token) / _TRAIL
    query = attention.q_proj.weight[plan.rows(head)]
    key = attention.k_proj.weight[plan.rows(plan.group(head))]
    query[:] = 0.0
    key[:] = 0.0
    query[slow, : plan.token] = _MATCH * hashing
    for places in range(1, plan.trail):
        query[slow, plan.back(places)] = _MATCH * level * shuffles[places]
    for places in range(1, plan.trail + 1):
        key[slow, plan.back(places)] = _MATCH * level * shuffles[places - 1]


def _copy(attention: Any, plan: _Plan, head: int, scale: float) -> None:
    """Let `head` carry the token it looks at, or its group's part of it, to the output."""
    start = plan.group(head) * plan.head
    number = min(plan.head, plan.token - start)
    if number <= 0:
        return
    part = slice(start, start + number)
    attention.v_proj.weight[plan.rows(plan.group(head))] = 0.0
    attention.v_proj.weight[part, part] = torch.eye(number)
    columns = attention.o_proj.weight[:, plan.rows(head)]
    columns[:] = 0.0
    columns[part, :number] = torch.eye(number) * scale * plan.size / math.sqrt(plan.width)
