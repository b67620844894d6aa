"""A policy on disk and in memory: weights, tokenizer, and the adapter it may carry."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, field_validator
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from ledgerline.errors import LedgerlineError
from ledgerline.policy.codec import ChatCodec
from ledgerline.policy.engine import EmbeddedEngine
from ledgerline.policy.precision import Precision, working_dtype
from ledgerline.policy.scratch import ScratchModel
from ledgerline.policy.vllm.engine import VllmEngine
from ledgerline.policy.vllm.settings import VllmSettings
from ledgerline.settings import Settings


class Adapter(Settings):
    """A LoRA adapter: its rank, its scale, and the modules that carry it, which are of the layers
    alone: embeddings and the output's weights are read as they are.
    """

    rank: int = Field(ge=1)
    alpha: int
    modules: str | list[str]

    @field_validator("modules")
    @classmethod
    def _of_layers(cls, modules: str | list[str]) -> str | list[str]:
        for module in [modules] if isinstance(modules, str) else modules:
            if module.endswith(("lm_head", "embed_tokens")):
                raise ValueError(f"{module} can't carry an adapter; name linear layers")
        return modules

    def attach(self, model: PreTrainedModel) -> PreTrainedModel:
        """The model, frozen, with a fresh adapter to train: one that adds nothing yet."""
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            target_modules=self.modules,
            task_type="CAUSAL_LM",
        )
        adapted: PreTrainedModel = get_peft_model(model, config)
        return adapted


class EngineSettings(Settings):
    """`rows`: episodes that are generated side by side. `positions`: tokens that each may have.
    `dtype`: of the weights and the cache while generating.
    """

    rows: int = Field(ge=1)
    positions: int = Field(ge=1)
    dtype: Precision


class PolicySettings(Settings):
    """`base`: "scratch", or a Hugging Face id or folder. `scratch`: the shape of the former.
    `processes`: how many `tasks.side_by_side` lets warm up, train and play on this machine; the
    last bits of the weights depend on it. `attention`: transformers' implementation, where a model
    trains by its own pass and not by that of `ledgerline/policy/packed.py`.
    `gradient_checkpointing`: keep no activations within layers but compute them again for the
    gradients. `adapter`: train LoRA weights instead of all, where it is given.
    `vllm`: generate with vLLM while training, in place of the embedded engine; `engine` holds
    for it too.
    """

    base: str
    scratch: ScratchModel
    processes: int = Field(ge=1)
    attention: Literal["eager", "sdpa", "flash_attention_2"]
    gradient_checkpointing: bool = False
    adapter: Adapter | None
    engine: EngineSettings
    vllm: VllmSettings | None = None


def accelerator() -> Literal["cuda", "cpu"]:
    """Where a policy lives on this machine."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass
class Policy:
    """A causal LM and its codec. `model` may be wrapped by PEFT."""

    model: PreTrainedModel
    codec: ChatCodec

    @classmethod
    def load(cls, source: str | Path, attention: str = "sdpa") -> "Policy":
        """A policy from a folder or a Hugging Face id, on the accelerator where there is one.

        Weights come from safetensors only, in float32 on a CPU and on a GPU in the type that they
        were saved in: bfloat16 for most published models, float32 for what was trained here whole.
        Those that are trained become float32 when their optimizers are built.

        A folder that holds an adapter names its base in adapter_config.json.
        """
        folder = Path(source)
        adapter = folder / "adapter_config.json"
        base = str(source)
        device = accelerator()
        if adapter.is_file():
            base = str(json.loads(adapter.read_text())["base_model_name_or_path"])
        try:
            model = AutoModelForCausalLM.from_pretrained(
                base,
                dtype="auto" if device == "cuda" else torch.float32,
                attn_implementation=attention,
                use_safetensors=True,
            ).to(device)
            # As it was saved: AutoTokenizer takes a model's type for what its tokenizer must be.
            tokenizer = PreTrainedTokenizerFast.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise LedgerlineError(f"no policy can be loaded from {source}: {error}") from None
        if adapter.is_file():
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, folder, is_trainable=True)
        return cls(model, ChatCodec(tokenizer))

    def add_adapter(self, settings: Adapter, seed: int) -> None:
        """Freeze the weights and train a LoRA adapter from here on."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model = settings.attach(self.model)

    def merge_adapter(self) -> None:
        """Fold the adapter, if any, into the weights: one plain model is left."""
        if hasattr(self.model, "merge_and_unload"):
            self.model = self.model.merge_and_unload()

    def save(self, folder: Path) -> None:
        """Write safetensors weights (the adapter alone, where there is one) and the tokenizer."""
        self.model.save_pretrained(folder, safe_serialization=True)
        self.codec.tokenizer.save_pretrained(folder)

    @property
    def plain(self) -> PreTrainedModel:
        """The transformers model, inside PEFT's wrapper where there is one."""
        inner = getattr(self.model, "get_base_model", None)
        return inner() if inner else self.model

    def checkpoint_gradients(self) -> None:
        """Train with less memory and a second forward pass: gradients stay the same."""
        self.plain.gradient_checkpointing_enable({"use_reentrant": False})

    @contextmanager
    def engine(
        self, settings: PolicySettings, base: str | Path
    ) -> Iterator[EmbeddedEngine | VllmEngine]:
        """The engine that `settings` name; `base` is where this policy was loaded from."""
        if settings.vllm is None:
            yield self.embedded_engine(settings.engine)
            return
        if settings.adapter is None:
            raise LedgerlineError("policy.vllm needs policy.adapter: it is given LoRA adapters")
        engine = VllmEngine(
            str(base),
            settings.adapter.rank,
            self.codec.end_of_turn,
            settings.engine.rows,
            min(settings.engine.positions, self.plain.config.max_position_embeddings),
            str(working_dtype(settings.engine.dtype, self.plain.device)).removeprefix("torch."),
            settings.vllm,
        )
        try:
            yield engine
        finally:
            engine.close()

    def embedded_engine(self, settings: EngineSettings) -> EmbeddedEngine:
        """An engine in this process that generates with the present weights."""
        return EmbeddedEngine(
            self.plain,
            self.codec.end_of_turn,
            settings.rows,
            settings.positions,
            working_dtype(settings.dtype, self.plain.device),
        )
