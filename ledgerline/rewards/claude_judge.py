"""Claude as a judge: reasons first, then a JSON verdict.

A verdict is kept with the identity of the judge that gave it (its name, model, instructions and
the very prompt), so that a judge that has changed is asked afresh.
"""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anthropic
import orjson

from ledgerline.durable import write_bytes
from ledgerline.rewards.judge import Judgement, JudgeSettings, Order, Question

_SCHEMA = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string"},
        "verdict": {"type": "string", "enum": ["right", "wrong"]},
    },
    "required": ["reasoning", "verdict"],
    "additionalProperties": False,
}


class VerdictCache:
    """Verdicts by the hash of everything that they depend on; a line of JSON each, appended."""

    def __init__(self, path: Path):
        self._path = path
        self._known: dict[str, Judgement] = {}
        if not path.is_file():
            write_bytes(path, b"")
        for line in path.read_bytes().splitlines():
            try:
                entry = orjson.loads(line)
                self._known[entry["key"]] = Judgement(entry["right"], entry["reasoning"])
            except (orjson.JSONDecodeError, KeyError, TypeError):
                # A line torn by a kill is a verdict that was never given.
                continue

    def get(self, key: str) -> Judgement | None:
        return self._known.get(key)

    def put(self, key: str, judgement: Judgement, identity: dict[str, Any]) -> None:
        self._known[key] = judgement
        line = orjson.dumps({"key": key, **asdict(judgement), **identity})
        with self._path.open("ab") as file:
            file.write(b"\n" + line + b"\n")
            file.flush()
            os.fsync(file.fileno())


class ClaudeJudge:
    """Claude as the judge; `failures` counts by cause what it could not decide."""

    def __init__(self, client: anthropic.Anthropic, settings: JudgeSettings, cache: VerdictCache):
        self._client = client
        self._settings = settings
        self._cache = cache
        self.failures: dict[str, int] = {}

    def judge(self, question: Question, order: Order = Order.REFERENCE_FIRST) -> Judgement | None:
        """The verdict, from the cache where the same judge has read the same prompt before."""
        prompt = question.prompt(order)
        identity = {
            "judge": self._settings.name,
            "model": self._settings.model,
            "instructions": _hash(self._settings.instructions),
            "prompt": _hash(prompt),
        }
        key = _hash("\x1f".join(identity.values()))
        judgement = self._cache.get(key)
        if judgement is None:
            judgement = self._ask(prompt)
            if judgement is not None:
                self._cache.put(key, judgement, identity)
        return judgement

    def _ask(self, prompt: str) -> Judgement | None:
        try:
            message = self._client.messages.create(
                model=self._settings.model,
                max_tokens=self._settings.max_tokens,
                system=[
                    {
                        "type": "text",
                        "text": self._settings.instructions,
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
                messages=[{"role": "user", "content": prompt}],
                output_config={"format": {"type": "json_schema", "schema": dict(_SCHEMA)}},
            )
        except anthropic.APIError as error:
            self._fail(type(error).__name__)
            return None
        if message.stop_reason != "end_turn":
            self._fail(str(message.stop_reason))
            return None
        text = "".join(block.text for block in message.content if block.type == "text")
        try:
            found = orjson.loads(text)
            right = {"right": True, "wrong": False}[found["verdict"]]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self._fail("no verdict")
            return None
        return Judgement(right, str(found.get("reasoning", "")))

    def _fail(self, cause: str) -> None:
        self.failures[cause] = self.failures.get(cause, 0) + 1


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
