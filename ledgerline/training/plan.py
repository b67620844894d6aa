"""What training with some params will take, before any weights are there.

The policy is built at its true size on the meta device, which holds shapes and no numbers; a
micro-batch goes through it forwards and backwards, and its operations are counted. Memory and
time follow from that, the machine's figures and plain arithmetic: an estimate, not a measurement.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from ledgerline.policy.policy import EngineSettings, PolicySettings
from ledgerline.training.settings import TrainerSettings

_KNOWN = Path(__file__).with_name("architectures.yaml")
_SEQUENCE = 1024  # tokens of each sequence in the counted micro-batch
# Bytes of a sampled token's probabilities, per word, in bfloat16; all else is made in pieces.
_LOGIT_BYTES = 2
# Bytes that a layer keeps for its gradient, per token: bfloat16 inputs of norms, projections and
# their LoRA parts (in units of the hidden width), gate, up, activation and product (of the MLP's).
_HIDDEN_COPIES, _FEED_FORWARD_COPIES = 16, 8


@dataclass(frozen=True, slots=True)
class Machine:
    """An accelerator: memory in bytes, dense bfloat16 operations and bytes read per second, and
    the share of both that real programs reach."""

    memory: float
    flops: float
    bandwidth: float
    reached: float


@dataclass(frozen=True, slots=True)
class Episodes:
    """An average episode in tokens: its prompt, its turns, and what is sampled and replied in
    each of them."""

    prompt: int
    turns: int
    sampled: int
    replied: int

    @property
    def tokens(self) -> int:
        """All tokens of an episode; the last turn has no reply."""
        return self.prompt + self.turns * self.sampled + (self.turns - 1) * self.replied


@dataclass(frozen=True, slots=True)
class Shape:
    """A policy at its true size. Bytes are those of its tensors; `flops` are the operations of
    one trained token, forwards and backwards, recomputation included. What is trained is float32
    in the trainer, all else bfloat16."""

    layers: int
    width: int
    feed_forward: int
    vocabulary: int
    parameters: int
    trained: int
    weight_bytes: int
    trained_bytes: int
    cache_bytes: int
    flops: float


def measure(settings: PolicySettings, batch_tokens: int) -> Shape:
    """Build the policy of `settings` on the meta device and count a micro-batch's operations."""
    config = architecture(settings.base)
    with torch.device("meta"):
        plain: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16, attn_implementation="sdpa"
        )
        weight_bytes = sum(_bytes(value) for value in plain.parameters())
        parameters = plain.num_parameters()
        model = plain
        if settings.adapter is not None:
            model = settings.adapter.attach(plain)
    if settings.gradient_checkpointing:
        plain.gradient_checkpointing_enable({"use_reentrant": False})
    trained = [value for value in model.parameters() if value.requires_grad]
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Shape(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        feed_forward=config.intermediate_size,
        vocabulary=config.vocab_size,
        parameters=parameters,
        trained=sum(value.numel() for value in trained),
        weight_bytes=weight_bytes,
        trained_bytes=4 * sum(value.numel() for value in trained),
        cache_bytes=2 * 2 * config.num_hidden_layers * config.num_key_value_heads * head,
        flops=_count(model, plain, batch_tokens),
    )


def architecture(base: str) -> PretrainedConfig:
    """The config of a folder or Hugging Face id; of known ids without asking for it."""
    known: dict[str, dict[str, Any]] = yaml.safe_load(_KNOWN.read_text())
    if base in known:
        return AutoConfig.for_model(**known[base])
    return AutoConfig.from_pretrained(base)


def memory(
    shape: Shape, policy: PolicySettings, train: TrainerSettings, episodes: Episodes
) -> dict[str, float]:
    """Bytes on the accelerator by what they are for, at their highest."""
    tokens = train.batch_tokens
    within = 2 * (_HIDDEN_COPIES * shape.width + _FEED_FORWARD_COPIES * shape.feed_forward)
    kept = 2 * shape.width if policy.gradient_checkpointing else within
    sampled = tokens * episodes.turns * episodes.sampled / episodes.tokens
    engine: EngineSettings = policy.engine
    whole = policy.adapter is None
    return {
        "trainer: weights": shape.trained_bytes if whole else shape.weight_bytes,
        "trainer: adapter": 0 if whole else shape.trained_bytes,
        "trainer: gradients": shape.trained_bytes,
        "trainer: optimizer": 2 * shape.trained_bytes,
        "trainer: activations": tokens * (shape.layers * kept + within),
        "trainer: logits": sampled * shape.vocabulary * _LOGIT_BYTES,
        "engine: weights": shape.weight_bytes,
        "engine: cache": engine.rows * min(engine.positions, episodes.tokens) * shape.cache_bytes,
    }


def seconds(
    shape: Shape,
    policy: PolicySettings,
    train: TrainerSettings,
    episodes: Episodes,
    machine: Machine,
) -> dict[str, float]:
    """Seconds of one step without refills, by what they are spent on."""
    rollouts = train.groups * train.group_size
    flops, bandwidth = machine.flops * machine.reached, machine.bandwidth * machine.reached
    replies = rollouts * (episodes.turns - 1) * episodes.replied
    prefilled = train.groups * episodes.prompt + replies  # a group shares its prompt
    rows = min(policy.engine.rows, rollouts)
    waves = -(-rollouts // rows)
    read = shape.weight_bytes + rows * episodes.tokens * shape.cache_bytes
    per_token = max(read / bandwidth, 2 * shape.parameters * rows / flops)
    return {
        "prefill": 2 * shape.parameters * prefilled / flops,
        "decode": waves * episodes.turns * episodes.sampled * per_token,
        "update": rollouts * episodes.tokens * shape.flops / flops,
    }


def _count(model: torch.nn.Module, plain: PreTrainedModel, tokens: int) -> float:
    """Operations per token of a micro-batch, forwards and backwards, logits left out."""
    rows = max(1, tokens // _SEQUENCE)
    model.train()
    ids = torch.zeros(rows, _SEQUENCE, dtype=torch.long, device="meta")
    decoder = plain.get_decoder()
    layers = decoder.config.num_hidden_layers
    counts = []
    for used in (1, 2):  # layers are alike: what the second adds, each of the others does
        decoder.config.num_hidden_layers = used
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            # A mask made beforehand (none: causal) keeps transformers from looking at values.
            states = decoder(
                input_ids=ids, attention_mask={"full_attention": None}, use_cache=False
            ).last_hidden_state
            states.sum().backward()
        counts.append(counter.get_total_flops())
    decoder.config.num_hidden_layers = layers
    return float(counts[0] + (layers - 1) * (counts[1] - counts[0])) / ids.numel()


def _bytes(value: torch.Tensor) -> int:
    return value.numel() * value.element_size()
