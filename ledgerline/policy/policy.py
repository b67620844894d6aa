"""A policy on disk and in memory: weights, tokenizer, and the adapter it may carry."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from ledgerline.errors import LedgerlineError
from ledgerline.policy.codec import ChatCodec
from ledgerline.policy.decoder import ARCHITECTURES
from ledgerline.settings import Settings


class Adapter(Settings):
    """A LoRA adapter: its rank, its scale, and the modules that carry it."""

    rank: int
    alpha: int
    modules: str | list[str]


@dataclass
class Policy:
    """A causal LM and its codec. `model` may be wrapped by PEFT."""

    model: PreTrainedModel
    codec: ChatCodec

    @classmethod
    def load(cls, source: str | Path, dtype: torch.dtype = torch.float32) -> "Policy":
        """A policy from a folder or a Hugging Face id; weights come from safetensors only.

        A folder that holds an adapter names its base in adapter_config.json.
        """
        folder = Path(source)
        adapter = folder / "adapter_config.json"
        base = str(source)
        if adapter.is_file():
            base = str(json.loads(adapter.read_text())["base_model_name_or_path"])
        try:
            model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, use_safetensors=True)
            tokenizer = AutoTokenizer.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise LedgerlineError(f"no policy can be loaded from {source}: {error}") from None
        if adapter.is_file():
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, folder, is_trainable=True)
        return cls(model, ChatCodec(tokenizer))

    def add_adapter(self, settings: Adapter, seed: int) -> None:
        """Freeze the weights and train a LoRA adapter from here on."""
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            target_modules=settings.modules,
            task_type="CAUSAL_LM",
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model = get_peft_model(self.model, config)

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

    @property
    def is_embeddable(self) -> bool:
        """Whether the embedded engine can run it."""
        return self.plain.config.model_type in ARCHITECTURES
