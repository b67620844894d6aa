"""Where vLLM runs and what it is told."""

from pydantic import Field

from ledgerline.settings import Settings


class VllmSettings(Settings):
    """`urls`: servers that run already; where there are none, one is started by `command`,
    followed by what the engine needs and by `arguments`, with `environment` added to ours.
    `adapters`: folder for LoRA adapters, which every server must be able to read. `start_seconds`:
    how long a server may take to answer. `turn_seconds`: how long one turn may take before its
    server counts as lost. `restarts`: how often ours may die within one step.

    A server by URL must run with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, --enable-lora and
    --logprobs-mode processed_logprobs.
    """

    urls: list[str]
    command: list[str]
    arguments: list[str]
    environment: dict[str, str]
    adapters: str
    start_seconds: float = Field(gt=0)
    turn_seconds: float = Field(gt=0)
    restarts: int = Field(ge=0)
