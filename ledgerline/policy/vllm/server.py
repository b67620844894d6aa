"""One vLLM server: the part of its HTTP interface that training needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ledgerline.errors import LedgerlineError
from ledgerline.policy.engine import Sampling


class ServerLostError(Exception):
    """The server gave no usable answer; what was asked of it is to be asked again elsewhere."""


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter as servers know it. `salt` keeps their prefix caches apart from those of
    another adapter that had the same name."""

    name: str
    folder: Path
    salt: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One sampled turn: its tokens and the log-probability of each when it was drawn."""

    tokens: list[int]
    logprobs: list[float]


class Server:
    """A server at `url` that somebody else runs: lost, it is left out until the next refresh."""

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        self.live = True

    def __str__(self) -> str:
        return self.url

    async def join(self, session: aiohttp.ClientSession) -> bool:
        """Be there for the steps to come; whether it is."""
        return await self.healthy(session)

    async def recover(self, session: aiohttp.ClientSession) -> bool:
        """Come back in the middle of a step; whether it does."""
        return False

    def close(self) -> None:
        """End what was started here: nothing."""

    async def healthy(self, session: aiohttp.ClientSession) -> bool:
        """Whether the server answers and its engine runs."""
        try:
            async with session.get(f"{self.url}/health") as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def complete(
        self,
        session: aiohttp.ClientSession,
        adapter: LoadedAdapter,
        history: Sequence[int],
        budget: int,
        sampling: Sampling,
        end_of_turn: int,
    ) -> Turn:
        """Sample at most `budget` tokens after `history`, up to and with `end_of_turn`.

        Raises ServerLostError where another server, or this one later, may do better.
        """
        request = {
            "model": adapter.name,
            "prompt": list(history),
            "max_tokens": budget,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            # A model's own generation_config.json must not change what is drawn from.
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "stop_token_ids": [end_of_turn],
            "logprobs": 0,
            "return_token_ids": True,
            "add_special_tokens": False,
            "cache_salt": adapter.salt,
        }
        status, answer = await self._post(session, "/v1/completions", request)
        if status == 404:  # it was started anew behind our back and knows no adapter
            await self.load(session, adapter)
            status, answer = await self._post(session, "/v1/completions", request)
        if status >= 500:
            raise ServerLostError(f"{self.url} answered {status}: {answer}")
        if status != 200:
            raise LedgerlineError(f"{self.url} refused a completion ({status}): {answer}")
        (choice,) = answer["choices"]
        if choice["finish_reason"] not in ("stop", "length"):
            raise ServerLostError(f"{self.url} ended a turn with {choice['finish_reason']!r}")
        return Turn(choice["token_ids"], choice["logprobs"]["token_logprobs"])

    async def load(self, session: aiohttp.ClientSession, adapter: LoadedAdapter) -> None:
        """Make the adapter known under its name, in place of any that had it."""
        request = {
            "lora_name": adapter.name,
            "lora_path": str(adapter.folder),
            "load_inplace": True,
        }
        status, answer = await self._post(session, "/v1/load_lora_adapter", request)
        if status != 200:
            raise LedgerlineError(
                f"{self.url} can't load {adapter.folder} ({status}): {answer}. It needs "
                "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, --enable-lora, a --max-lora-rank that "
                "suffices, and policy.vllm.adapters on a disk that it sees"
            )

    async def unload(self, session: aiohttp.ClientSession, adapter: LoadedAdapter) -> None:
        """Forget the adapter; a server that never had it is content."""
        await self._post(session, "/v1/unload_lora_adapter", {"lora_name": adapter.name})

    async def _post(
        self, session: aiohttp.ClientSession, path: str, content: dict[str, Any]
    ) -> tuple[int, Any]:
        try:
            async with session.post(f"{self.url}{path}", json=content) as response:
                if response.content_type == "application/json":
                    return response.status, await response.json()
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ServerLostError(f"{self.url}{path}: {type(error).__name__} {error}") from None
