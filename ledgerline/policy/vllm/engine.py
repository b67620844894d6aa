"""The vLLM engine: every episode goes at its own pace, and no server's death loses one.

An episode's history is kept here and a server only ever sees one turn of it, so a turn that a
dying server took with it is sampled again after the same tokens, elsewhere or a little later.
"""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import torch

from ledgerline.errors import LedgerlineError
from ledgerline.policy.engine import Interaction, Sampling
from ledgerline.policy.vllm.fleet import Fleet
from ledgerline.policy.vllm.process import OwnServer
from ledgerline.policy.vllm.server import LoadedAdapter, Server
from ledgerline.policy.vllm.settings import VllmSettings

_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that --max-lora-rank takes


class VllmEngine:
    """Plays interactions on vLLM servers with the adapter that was last given to `refresh`.

    `base`: folder or Hugging Face id of the policy below the adapter, for a server of our own.
    `rank`: of the adapters. `rows`: turns that one server samples at once. `positions`: tokens
    that a history may have; an interaction that would grow beyond them has its turn cut off.
    `dtype`: of the weights and the cache of our own server. The servers draw the tokens with
    random numbers of their own.
    """

    def __init__(
        self,
        base: str,
        rank: int,
        end_of_turn: int,
        rows: int,
        positions: int,
        dtype: str,
        settings: VllmSettings,
    ):
        self._end_of_turn = end_of_turn
        self._rows = rows
        self._positions = positions
        self._settings = settings
        self._adapter: LoadedAdapter | None = None
        folder = Path(settings.adapters).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
        self._servers = [Server(url) for url in settings.urls] or [
            OwnServer(
                [
                    *settings.command,
                    *("--model", base),
                    *("--dtype", dtype),
                    *("--max-model-len", str(positions)),
                    *("--max-num-seqs", str(rows)),
                    *("--enable-lora", "--max-loras", "1"),
                    *("--max-lora-rank", str(next(size for size in _RANKS if size >= rank))),
                    *("--logprobs-mode", "processed_logprobs"),
                    *settings.arguments,
                ],
                settings.environment,
                folder / "vllm.log",
                settings.start_seconds,
            )
        ]

    def refresh(self, model: Any, step: int = 0) -> None:
        """Load the model's LoRA adapter as `policy@step` everywhere, and forget the one before.

        Servers that were lost are asked whether they are back.
        """
        if not hasattr(model, "peft_config"):
            raise LedgerlineError(
                "vLLM takes adapters, not whole weights: set policy.adapter in params.yaml, or "
                "policy.vllm to null for the embedded engine"
            )
        salt = uuid.uuid4().hex
        fresh = LoadedAdapter(f"policy@{step}", self._folder / salt, salt)
        model.save_pretrained(fresh.folder, safe_serialization=True)
        old, self._adapter = self._adapter, fresh
        self._with_fleet(lambda fleet: fleet.publish(fresh, old))
        if old:
            shutil.rmtree(old.folder)

    def play(
        self,
        interactions: Sequence[Interaction],
        sampling: Sampling,
        generator: torch.Generator,
    ) -> None:
        """Advance every interaction to its end. Equal prompts should stand side by side."""
        adapter = self._adapter
        if adapter is None:
            raise LedgerlineError("the vLLM engine has no adapter to play with; refresh it first")

        async def one(fleet: Fleet, home: float, interaction: Interaction) -> None:
            while not interaction.over:
                room = self._positions - len(interaction.tokens)
                if room < 1:
                    interaction.advance([], [])
                    continue
                budget = min(interaction.turn_budget, room)
                turn = await fleet.sample(
                    home, adapter, interaction.tokens, budget, sampling, self._end_of_turn
                )
                interaction.advance(turn.tokens, turn.logprobs)

        async def everyone(fleet: Fleet) -> None:
            number = len(interactions)
            await asyncio.gather(
                *(
                    one(fleet, index / number, interaction)
                    for index, interaction in enumerate(interactions)
                )
            )

        self._with_fleet(everyone)

    def close(self) -> None:
        """End our own server and remove the adapters."""
        for server in self._servers:
            server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _with_fleet(self, act: Callable[[Fleet], Awaitable[None]]) -> None:
        async def run() -> None:
            # A kept connection may be closed by the server just as it is used again.
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            timeout = aiohttp.ClientTimeout(total=self._settings.turn_seconds)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                await act(Fleet(self._servers, session, self._rows, self._settings.restarts))

        asyncio.run(run())
