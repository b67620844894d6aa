"""Sequences laid end to end, and the forward and backward pass of a small model over them.

For training on a CPU, where transformers' own passes spend more time on copies, conversions and
padding than on arithmetic: nothing but attention is padded here, weights are converted once, norms
are folded into the weights that follow them, the last layer goes on with the wanted places alone,
and the backward pass is written out, so that it keeps and touches little.
`tests/policy/test_packed.py` holds states and gradients equal to theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from ledgerline.policy.attention import Block, Heads, attend, attend_backward, blocks_of
from ledgerline.policy.decoder import ARCHITECTURES, round_up

_TOKENS = 64
"""Tokens are padded to a multiple of this, see `round_up`."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Tokens end to end [tokens], their `positions`, the place `first` of each sequence among
    them, and the blocks in which they attend. The last token belongs to no sequence.
    """

    tokens: Tensor
    positions: Tensor
    first: list[int]
    blocks: list[Block]


def runs_packed(model: PreTrainedModel) -> bool:
    """Whether `packed_states` can stand in for the forward pass of `model`: an architecture that
    it knows, on a CPU, with nothing wrapped around its weights.
    """
    config = model.config
    if model.device.type != "cpu" or config.model_type not in ARCHITECTURES:
        return False
    layers: Any = model.get_decoder().layers
    attention = [layer.self_attn for layer in layers]
    feed_forward = [layer.mlp for layer in layers]
    free = [
        *(part.o_proj for part in attention),
        *(line for part in feed_forward for line in (part.gate_proj, part.up_proj, part.down_proj)),
    ]
    lines = [line for part in attention for line in (part.q_proj, part.k_proj, part.v_proj)]
    return (
        all(type(line) is torch.nn.Linear for line in (*lines, *free))
        and all(line.bias is None for line in free)
        and config.hidden_act == "silu"
        and not (model.training and config.attention_dropout)
        and not model.is_gradient_checkpointing
        and not getattr(config, "use_sliding_window", False)
        and config.rope_parameters["rope_type"] == "default"
    )


def pack(
    model: PreTrainedModel, sequences: Sequence[Sequence[int]], begins: Sequence[int | None]
) -> Packed:
    """`sequences` end to end; one may go on from the sequence that `begins` numbers for it."""
    lengths = [len(sequence) for sequence in sequences]
    first = [0, *accumulate(lengths)]
    spans = [range(start, start + length) for start, length in zip(first, lengths, strict=False)]
    before = [range(0) if begin is None else spans[begin] for begin in begins]
    number = round_up(first[-1] + 1, _TOKENS)
    spare = [0] * (number - first[-1])
    tokens = [token for sequence in sequences for token in sequence]
    positions = [
        len(begin) + place
        for begin, length in zip(before, lengths, strict=True)
        for place in range(length)
    ]
    return Packed(
        tokens=torch.tensor(tokens + spare),
        positions=torch.tensor(positions + spare),
        first=first[:-1],
        blocks=blocks_of(list(zip(spans, before, strict=True)), number - 1, _heads(model)),
    )


def packed_states(
    model: PreTrainedModel, packed: Packed, wanted: Tensor, dtype: torch.dtype
) -> Tensor:
    """The last hidden states at the places `wanted`: [wanted, width] in `dtype`, with gradients."""
    body: Any = model.get_decoder()
    eps = model.config.rms_norm_eps
    angles = torch.outer(packed.positions, body.rotary_emb.inv_freq.float())
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    turn = torch.cat((cos, cos), -1)[:, None], torch.cat((-sin, sin), -1)[:, None]
    places = functional.pad(wanted, (0, -len(wanted) % _TOKENS), value=len(packed.tokens) - 1)
    with torch.autocast("cpu", enabled=False):
        state: Tensor = functional.embedding(packed.tokens, body.embed_tokens.weight)
        for number, block in enumerate(body.layers, start=1):
            attention, mlp = block.self_attn, block.mlp
            lines = (attention.q_proj, attention.k_proj, attention.v_proj)
            biased = lines[0].bias is not None
            state = _Layer.apply(  # type: ignore[no-untyped-call]
                state,
                _folded(block.input_layernorm, dtype, *lines),
                torch.cat([line.bias for line in lines]).to(dtype) if biased else None,
                attention.o_proj.weight.to(dtype),
                _folded(block.post_attention_layernorm, dtype, mlp.gate_proj, mlp.up_proj),
                mlp.down_proj.weight.to(dtype),
                packed.blocks,
                _heads(model),
                turn,
                eps,
                places if number == len(body.layers) else None,
            )
        ends = state[: len(wanted)]
        normed: Tensor = functional.rms_norm(ends, ends.shape[-1:], body.norm.weight, eps)
    return normed.to(dtype)


def _heads(model: PreTrainedModel) -> Heads:
    config = model.config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Heads(config.num_attention_heads, config.num_key_value_heads, width)


def _folded(norm: Any, dtype: torch.dtype, *lines: Any) -> Tensor:
    """The weights of `lines` as one, the weight of the norm before them multiplied in."""
    folded: Tensor = torch.cat([line.weight for line in lines]) * norm.weight
    return folded.to(dtype)


class _Layer(torch.autograd.Function):
    """One layer: state [tokens, width] → state, of the tokens `places` alone where they are given.

    The residual stream and its gradient are float32; what is multiplied has the weights' dtype.
    What is cheap to compute is not kept but computed again for the backward pass.
    """

    @staticmethod
    def forward(
        ctx: Any,
        state: Tensor,
        qkv_weight: Tensor,
        qkv_bias: Tensor | None,
        out_weight: Tensor,
        gate_up_weight: Tensor,
        down_weight: Tensor,
        blocks: list[Block],
        heads: Heads,
        turn: tuple[Tensor, Tensor],
        eps: float,
        places: Tensor | None,
    ) -> Tensor:
        normed, scale = _normalise(state, eps, qkv_weight.dtype)
        qkv = functional.linear(normed, qkv_weight, qkv_bias)
        _rotate(qkv, turn, heads)
        mixed, attention = attend(qkv, blocks, heads)
        if places is not None:
            state, mixed = state.index_select(0, places), mixed.index_select(0, places)
        state = state + functional.linear(mixed, out_weight)
        normed_2, scale_2 = _normalise(state, eps, qkv_weight.dtype)
        gate_up = functional.linear(normed_2, gate_up_weight)
        gate, up = gate_up.chunk(2, -1)
        state += functional.linear(functional.silu(gate).mul_(up), down_weight)
        weights = (qkv_weight, out_weight, gate_up_weight, down_weight)
        kept = (normed, scale, qkv, mixed, normed_2, scale_2, gate_up)
        ctx.save_for_backward(*weights, *kept, *attention)
        ctx.given = (blocks, heads, turn, places)
        return state

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        qkv_weight, out_weight, gate_up_weight, down_weight, *kept = ctx.saved_tensors
        normed, scale, qkv, mixed, normed_2, scale_2, gate_up, *attention = kept
        blocks, heads, (cos, sin), places = ctx.given

        after = gradient.to(qkv.dtype)
        inner = after @ down_weight
        gate, up = gate_up.chunk(2, -1)
        activated = functional.silu(gate)
        by_down = after.t() @ (activated * up)
        by_gate_up = torch.empty_like(gate_up)
        by_gate, by_up = by_gate_up.chunk(2, -1)
        torch.mul(inner, activated, out=by_up)
        torch.ops.aten.silu_backward(inner.mul_(up), gate, grad_input=by_gate)
        gradient = _normalise_backward(gradient, by_gate_up @ gate_up_weight, normed_2, scale_2)

        after = gradient.to(qkv.dtype)
        by_mixed = after @ out_weight
        if places is not None:
            gradient, by_mixed = (
                part.new_zeros(len(qkv), part.shape[1]).index_add_(0, places, part)
                for part in (gradient, by_mixed)
            )
        by_qkv = attend_backward(by_mixed, qkv, attention, blocks, heads)
        _rotate(by_qkv, (cos, -sin), heads)
        return (
            _normalise_backward(gradient, by_qkv @ qkv_weight, normed, scale),
            by_qkv.t() @ normed,
            by_qkv.sum(0) if ctx.needs_input_grad[2] else None,
            after.t() @ mixed,
            by_gate_up.t() @ normed_2,
            by_down,
            *[None] * 5,
        )


def _normalise(state: Tensor, eps: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """RMSNorm without its weight, in `dtype`, and what it multiplied each token with."""
    norm = torch.linalg.vector_norm(state, dim=-1, keepdim=True)
    scale = (norm.square_() / state.shape[-1] + eps).rsqrt_()
    return (state * scale).to(dtype), scale


def _normalise_backward(gradient: Tensor, inner: Tensor, normed: Tensor, scale: Tensor) -> Tensor:
    """`gradient` of the residual stream plus what comes through the norm (`inner`)."""
    inner, normed = inner.float(), normed.float()
    along = (inner * normed).mean(-1, keepdim=True)
    return torch.addcmul(gradient, inner.addcmul_(normed, along, value=-1), scale)


def _rotate(qkv: Tensor, turn: tuple[Tensor, Tensor], heads: Heads) -> None:
    """Rotary position embedding of queries and keys, in place; `turn` as in `packed_states`."""
    number = heads.query + heads.kv
    turned = qkv[:, : number * heads.width].view(len(qkv), number, heads.width)
    left, right = turned.chunk(2, -1)
    swapped = torch.cat((right, left), -1)
    turned.mul_(turn[0]).addcmul_(swapped, turn[1])
