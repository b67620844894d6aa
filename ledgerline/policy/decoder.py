"""The forward pass of Qwen2- and Llama-architecture models over a cache that it owns.

Written out for generation: weights fused, keys and values written in place, no module calls.
`tests/policy/test_engine.py` holds it equal to transformers' own `generate`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from ledgerline.errors import LedgerlineError

ARCHITECTURES = ("qwen2", "llama")
_REACH = 32
"""Positions are attended to in multiples of this, see `round_up`."""


def round_up(number: int, step: int) -> int:
    """The next multiple of `step`. A matrix product of a shape that was not seen lately costs a
    CPU most of a millisecond to set up, more than running it: padded shapes come again.
    """
    return -(-number // step) * step


@dataclass(frozen=True, slots=True)
class _Layer:
    input_norm: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    out: Tensor
    out_bias: Tensor | None
    post_norm: Tensor
    gate_up: Tensor
    down: Tensor


class KeyValueCache:
    """Keys and values of `rows` histories: [layer, row, kv head, position, head width]."""

    def __init__(self, decoder: "Decoder", rows: int, positions: int):
        shape = (
            len(decoder.layers),
            rows,
            decoder.kv_heads,
            positions,
            decoder.head_width,
        )
        self.keys = torch.zeros(shape, dtype=decoder.dtype, device=decoder.device)
        self.values = torch.zeros_like(self.keys)

    @property
    def positions(self) -> int:
        """Tokens that a row has room for."""
        return self.keys.shape[3]

    def copy_rows(self, source: Tensor, target: Tensor, length: int) -> None:
        """Copy the first `length` positions of rows `source` over rows `target`."""
        for store in (self.keys, self.values):
            store[:, target, :, :length] = store[:, source, :, :length]


class Decoder:
    """Weights of a model, laid out for `forward`. `refresh` follows the model's training."""

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype):
        config = model.config
        if config.model_type not in ARCHITECTURES:
            raise LedgerlineError(
                f"the embedded engine runs {' and '.join(ARCHITECTURES)} models, not "
                f"{config.model_type}; choose the vllm engine in params.yaml"
            )
        self.dtype = dtype
        self.device = model.device
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads
        self.head_width: int = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.eps: float = config.rms_norm_eps
        frequencies = model.get_decoder().rotary_emb.inv_freq.float()
        angles = torch.outer(
            torch.arange(config.max_position_embeddings, device=self.device), frequencies
        )
        self._cos = torch.cat((angles.cos(), angles.cos()), -1).to(dtype)
        self._sin = torch.cat((angles.sin(), angles.sin()), -1).to(dtype)
        self.layers: list[_Layer] = []
        self.refresh(model)

    @torch.no_grad()
    def refresh(self, model: PreTrainedModel) -> None:
        """Take over the model's present weights, what a LoRA adapter adds to them included."""

        def copy(*tensors: Tensor) -> Tensor:
            return torch.cat([tensor.detach() for tensor in tensors]).to(self.dtype).contiguous()

        def biases(*linears: torch.nn.Linear) -> Tensor | None:
            return None if linears[0].bias is None else copy(*[line.bias for line in linears])

        body = model.get_decoder()
        self.embedding = copy(body.embed_tokens.weight)
        head = model.get_output_embeddings().weight
        tied = head.data_ptr() == body.embed_tokens.weight.data_ptr()
        self.head = self.embedding if tied else copy(head)
        self.norm = copy(body.norm.weight)
        self.layers = []
        for block in body.layers:
            attention, mlp = block.self_attn, block.mlp
            projections = (attention.q_proj, attention.k_proj, attention.v_proj)
            self.layers.append(
                _Layer(
                    input_norm=copy(block.input_layernorm.weight),
                    qkv=copy(*[_effective(projection) for projection in projections]),
                    qkv_bias=biases(*projections),
                    out=copy(_effective(attention.o_proj)),
                    out_bias=biases(attention.o_proj),
                    post_norm=copy(block.post_attention_layernorm.weight),
                    gate_up=copy(_effective(mlp.gate_proj), _effective(mlp.up_proj)),
                    down=copy(_effective(mlp.down_proj)),
                )
            )

    @torch.no_grad()
    def forward(
        self,
        tokens: Tensor,
        start: Tensor,
        count: Tensor,
        cache: KeyValueCache,
        rows: Tensor | None = None,
        every: bool = False,
    ) -> Tensor:
        """Extend `rows` of `cache` (the first ones by default); return their next-token logits.

        `tokens`: [rows, width], right-padded; `start`: [rows], tokens already in the cache;
        `count`: [rows], how many of `tokens` are real. Returns float32 [rows, vocabulary], or with
        `every` those behind each token: [rows, width, vocabulary].
        What padding writes lies beyond a row's length and is overwritten before it is read.
        """
        number, width = tokens.shape
        # The first rows are a view of the cache; any others have to be gathered.
        here = slice(0, number) if rows is None else rows
        row_index = torch.arange(number, device=self.device) if rows is None else rows
        positions = start[:, None] + torch.arange(width, device=self.device)
        positions = positions.clamp(max=cache.positions - 1)
        reach = min(round_up(int((start + count).max()), _REACH), cache.positions)
        cos, sin = self._cos[positions][:, None], self._sin[positions][:, None]
        # [rows, 1, 1, width, reach], added to scores: a token sees what is not later than itself.
        later = torch.arange(reach, device=self.device) > positions[:, None, None, :, None]
        hidden = torch.zeros(later.shape, device=self.device).masked_fill_(later, float("-inf"))
        state = self.embedding[tokens]
        for index, layer in enumerate(self.layers):
            normed = self._normalise(state, layer.input_norm)
            qkv = functional.linear(normed, layer.qkv, layer.qkv_bias)
            query, key, value = self._split(qkv, number, width)
            query, key = _rotate(query, cos, sin), _rotate(key, cos, sin)
            cache.keys[index, row_index[:, None], :, positions] = key.transpose(1, 2)
            cache.values[index, row_index[:, None], :, positions] = value.transpose(1, 2)
            mixed = self._attend(
                query,
                cache.keys[index, :, :, :reach][here],
                cache.values[index, :, :, :reach][here],
                hidden,
            )
            state = state + functional.linear(mixed, layer.out, layer.out_bias)
            gate, up = functional.linear(
                self._normalise(state, layer.post_norm), layer.gate_up
            ).chunk(2, -1)
            state = state + functional.linear(functional.silu(gate) * up, layer.down)
        if not every:
            state = state[torch.arange(number, device=self.device), count - 1]
        return functional.linear(self._normalise(state, self.norm), self.head).float()

    def _split(self, qkv: Tensor, rows: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """[rows, width, all heads · head width] → query, key, value [rows, heads, width, …]."""
        sizes = [self.heads, self.kv_heads, self.kv_heads]
        parts = torch.split(qkv, [size * self.head_width for size in sizes], -1)
        query, key, value = (
            part.view(rows, width, size, self.head_width).transpose(1, 2)
            for part, size in zip(parts, sizes, strict=True)
        )
        return query, key, value

    def _attend(self, query: Tensor, keys: Tensor, values: Tensor, hidden: Tensor) -> Tensor:
        """Grouped-query attention: the query heads of one key head form one matrix product."""
        rows, _, width, _ = query.shape
        group = self.heads // self.kv_heads
        query = query.reshape(rows, self.kv_heads, group * width, self.head_width)
        if keys.dtype != torch.float32:
            # Copied together first: in bfloat16 a CPU multiplies slices of the cache far slower.
            keys, values = keys.contiguous(), values.contiguous()
        scores = torch.matmul(query, keys.transpose(-1, -2))
        scores = scores.view(rows, self.kv_heads, group, width, -1)
        scores = torch.add(hidden, scores, alpha=self.head_width**-0.5)
        weights = scores.softmax(-1).to(self.dtype).view(rows, self.kv_heads, group * width, -1)
        mixed = torch.matmul(weights, values)
        mixed = mixed.view(rows, self.heads, width, self.head_width).transpose(1, 2)
        return mixed.reshape(rows, width, self.heads * self.head_width)

    def _normalise(self, state: Tensor, weight: Tensor) -> Tensor:
        """RMSNorm, its mean taken in float32."""
        return (
            functional.rms_norm(state.float(), (state.shape[-1],), None, self.eps).to(self.dtype)
            * weight
        )


def _effective(linear: Any) -> Tensor:
    """The weight that a linear layer works with: PEFT keeps an adapter's part beside it."""
    weight: Tensor = linear.weight
    if hasattr(linear, "get_delta_weight") and not linear.merged:
        for adapter in linear.active_adapters:
            weight = weight + linear.get_delta_weight(adapter)
    return weight


def _rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding on [rows, heads, width, head width]."""
    left, right = heads.chunk(2, -1)
    return heads * cos + torch.cat((-right, left), -1) * sin
