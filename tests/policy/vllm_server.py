"""A server that speaks vLLM's part of the interface, with arithmetic in place of a model.

The next token follows from the history and the adapter, so that a test knows what was to be
said. A request whose history has the length `--die-at` ends the process, once; so does, after that,
the first adapter that it is to load, with `--died-loading`.
"""

import argparse
import asyncio
import json
import os
from pathlib import Path

from aiohttp import web

END = 3
VOCABULARY = 61


def next_token(history, weight):
    return 3 + (7 * sum(history) + 5 * len(history) + weight) % (VOCABULARY - 3)


def logprob(history, token):
    return -((sum(history) + token) % 17) / 16


def complete(history, budget, weight):
    """The turn that follows `history`: tokens and log-probabilities."""
    tokens, logprobs = [], []
    while len(tokens) < budget and (not tokens or tokens[-1] != END):
        so_far = [*history, *tokens]
        tokens.append(next_token(so_far, weight))
        logprobs.append(logprob(so_far, tokens[-1]))
    return tokens, logprobs


class FakeVllm:
    """Adapters and completions; `seen` holds every completion that was asked for."""

    def __init__(self, die_at=None, died=None, died_loading=None):
        self.adapters = {}
        self.seen = []
        self.most = 0
        self._open = 0
        self._die_at = die_at
        self._died = died
        self._died_loading = died_loading

    def app(self):
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_post("/v1/load_lora_adapter", self._load)
        app.router.add_post("/v1/unload_lora_adapter", self._unload)
        app.router.add_post("/v1/completions", self._complete)
        return app

    async def _health(self, _):
        return web.Response()

    async def _load(self, request):
        if self._died_loading and self._died.exists() and not self._died_loading.exists():
            self._died_loading.touch()
            os._exit(1)
        content = await request.json()
        file = Path(content["lora_path"]) / "weight.json"
        if not file.is_file():
            return web.json_response({"error": "no such adapter"}, status=400)
        self.adapters[content["lora_name"]] = json.loads(file.read_text())
        return web.Response(text="Success")

    async def _unload(self, request):
        self.adapters.pop((await request.json())["lora_name"], None)
        return web.Response(text="Success")

    async def _complete(self, request):
        content = await request.json()
        self.seen.append(content)
        if content["model"] not in self.adapters:
            return web.json_response({"error": "no such model"}, status=404)
        if len(content["prompt"]) == self._die_at and not self._died.exists():
            self._died.touch()
            os._exit(1)
        self._open += 1
        self.most = max(self.most, self._open)
        await asyncio.sleep(0.002)
        self._open -= 1
        weight = self.adapters[content["model"]]
        tokens, logprobs = complete(content["prompt"], content["max_tokens"], weight)
        choice = {
            "token_ids": tokens,
            "logprobs": {"token_logprobs": logprobs},
            "finish_reason": "stop" if tokens[-1] == END else "length",
        }
        return web.json_response({"choices": [choice]})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--die-at", type=int)
    parser.add_argument("--died", type=Path)
    parser.add_argument("--died-loading", type=Path)
    parser.add_argument("--refuse", action="store_true")
    known, _ = parser.parse_known_args()
    if known.refuse:
        raise SystemExit("not enough memory for the cache")
    fake = FakeVllm(known.die_at, known.died, known.died_loading)
    web.run_app(fake.app(), host=known.host, port=known.port, print=None)


if __name__ == "__main__":
    main()
