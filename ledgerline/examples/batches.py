"""Bulk requests to Claude through the Message Batches API, resumable, with their bill.

What has been answered is on disk at once, and so is which batches are open: a run that is killed,
overloaded or cut off goes on where it stood, and pays for nothing twice.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anthropic
import orjson

from ledgerline.durable import write_bytes
from ledgerline.errors import LedgerlineError
from ledgerline.examples.commission import BatchSettings, Prices

_CHARACTERS_A_TOKEN = 3.5
_BILLED = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)
_REFUSED = ("invalid_request_error", "not_found_error", "permission_error")


@dataclass(frozen=True, slots=True)
class Request:
    """One message: `system` is the same for many and cached, `user` is its own.

    `schema` is the JSON schema of the reply.
    """

    system: str
    user: str
    schema: Mapping[str, Any]

    @property
    def id(self) -> str:
        """A hash of the content: the same request is never paid for twice."""
        content = orjson.dumps([self.system, self.user, self.schema], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a request: `content`, or a `problem` when nothing usable did."""

    id: str
    content: Mapping[str, Any] | None
    problem: str
    usage: Mapping[str, int]


def estimate(requests: Sequence[Request], settings: BatchSettings) -> float:
    """About what `requests` will cost in dollars, each answered at full length."""
    prices = settings.prices
    own = sum(len(request.user) for request in requests) / _CHARACTERS_A_TOKEN
    shared = sum(len(request.system) for request in requests) / _CHARACTERS_A_TOKEN
    written = len(requests) * settings.max_tokens
    return (own * prices.input + shared * prices.cache_write + written * prices.output) / 1e6


def bill(replies: Sequence[Reply], prices: Prices) -> float:
    """What `replies` cost in dollars, by the token counts that came with them."""
    billed = (prices.input, prices.output, prices.cache_write, prices.cache_read)
    rates = dict(zip(_BILLED, billed, strict=True))
    return sum(rates[name] * reply.usage.get(name, 0) for reply in replies for name in rates) / 1e6


def ask(
    client: anthropic.Anthropic,
    requests: Sequence[Request],
    folder: Path,
    settings: BatchSettings,
    wait: Callable[[float], None] = time.sleep,
) -> list[Reply]:
    """A reply for each request, in order; those that `folder` already holds cost nothing.

    Raises:
        LedgerlineError: the estimate is above the budget, the key is refused, or the service
            can't be had; what was answered until then is kept in `folder`.
    """
    desk = _Desk(folder)
    known = requests_by_id(requests)
    missing = [name for name in known if desk.lacks(name)]
    expected = estimate([known[name] for name in missing], settings)
    if expected > settings.budget:
        raise LedgerlineError(
            f"asking {settings.model} {len(missing)} times would cost about ${expected:,.2f}, more "
            f"than the budget of ${settings.budget:,.2f}; raise budget or ask for less."
        )
    try:
        for _ in range(settings.rounds):
            for batch in list(desk.open):
                _collect(client, desk, batch, settings, wait)
            unserved = [request for name, request in known.items() if desk.lacks(name)]
            if not unserved:
                break
            for start in range(0, len(unserved), settings.per_batch):
                _submit(client, desk, unserved[start : start + settings.per_batch], settings)
        for batch in list(desk.open):
            _collect(client, desk, batch, settings, wait)
    except (anthropic.APIConnectionError, anthropic.APIStatusError) as error:
        status = getattr(error, "status_code", None)
        advice = (
            "check ANTHROPIC_API_KEY"
            if status in (401, 403)
            else f"run again: {len(desk.replies)} replies are kept in {folder}"
        )
        raise LedgerlineError(f"Claude can't be asked ({error}); {advice}.") from error
    return [
        desk.replies.get(request.id, Reply(request.id, None, "not served", {}))
        for request in requests
    ]


def requests_by_id(requests: Sequence[Request]) -> dict[str, Request]:
    """Id → request, in order, each once."""
    return {request.id: request for request in requests}


_AGAIN = frozenset({"not served", "cut off"})


class _Desk:
    """The state on disk: replies by id, and open batches with the ids they hold."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.replies: dict[str, Reply] = {}
        self.open: dict[str, list[str]] = {}
        replies, batches = folder / "replies.jsonl", folder / "open.json"
        if replies.is_file():
            for line in replies.read_bytes().splitlines():
                reply = Reply(**orjson.loads(line))
                self.replies[reply.id] = reply
        if batches.is_file():
            self.open = orjson.loads(batches.read_bytes())

    def lacks(self, name: str) -> bool:
        """Whether a request is still to be asked: never, not served or cut off until now."""
        return name not in self.replies or self.replies[name].problem in _AGAIN

    def keep(self, batch: str, replies: Sequence[Reply]) -> None:
        """Keep what a batch brought; a reply that is asked for twice has the usage of both."""
        for reply in replies:
            usage = Counter(reply.usage)
            if reply.id in self.replies and self.lacks(reply.id):
                usage += Counter(self.replies[reply.id].usage)
            self.replies[reply.id] = replace(reply, usage=dict(usage))
        lines = (orjson.dumps(reply) + b"\n" for reply in self.replies.values())
        write_bytes(self._folder / "replies.jsonl", b"".join(lines))
        self.open.pop(batch, None)
        self._write_open()

    def allowance(self, name: str) -> int:
        """How many times the usual length a reply may have: twice if it was cut off before."""
        return 2 if name in self.replies and self.replies[name].problem == "cut off" else 1

    def opened(self, batch: str, ids: list[str]) -> None:
        self.open[batch] = ids
        self._write_open()

    def _write_open(self) -> None:
        write_bytes(self._folder / "open.json", orjson.dumps(self.open) + b"\n")


def _submit(
    client: anthropic.Anthropic, desk: _Desk, requests: Sequence[Request], settings: BatchSettings
) -> None:
    batch = client.messages.batches.create(
        requests=[
            {
                "custom_id": request.id,
                "params": {
                    "model": settings.model,
                    "max_tokens": settings.max_tokens * desk.allowance(request.id),
                    "system": [
                        {
                            "type": "text",
                            "text": request.system,
                            "cache_control": {"type": "ephemeral"},
                        }
                    ],
                    "messages": [{"role": "user", "content": request.user}],
                    "output_config": {
                        "format": {"type": "json_schema", "schema": dict(request.schema)}
                    },
                },
            }
            for request in requests
        ]
    )
    desk.opened(batch.id, [request.id for request in requests])


def _collect(
    client: anthropic.Anthropic,
    desk: _Desk,
    batch: str,
    settings: BatchSettings,
    wait: Callable[[float], None],
) -> None:
    """Wait until a batch has ended and keep what it brought; one that is gone brought nothing."""
    found: dict[str, Reply] = {}
    try:
        while (state := client.messages.batches.retrieve(batch)).processing_status != "ended":
            wait(settings.poll_seconds)
        # The service drops results after some weeks, and their address with them.
        if state.results_url:
            found = _results(client, batch)
    except anthropic.NotFoundError:
        pass
    lost = [name for name in desk.open[batch] if name not in found and desk.lacks(name)]
    found |= {name: Reply(name, None, "not served", {}) for name in lost}
    desk.keep(batch, list(found.values()))


def _results(client: anthropic.Anthropic, batch: str) -> dict[str, Reply]:
    """Replies by id, as many as came before the stream of results broke off within a line."""
    found: dict[str, Reply] = {}
    try:
        for line in client.messages.batches.results(batch):
            found[line.custom_id] = _reply(line)
    except (ValueError, anthropic.APIResponseValidationError):
        pass
    return found


def _reply(line: Any) -> Reply:
    result = line.result
    if result.type != "succeeded":
        kind = result.error.error.type if result.type == "errored" else ""
        problem = f"refused: {kind}" if kind in _REFUSED else "not served"
        return Reply(line.custom_id, None, problem, {})
    message = result.message
    usage = {name: getattr(message.usage, name) or 0 for name in _BILLED}
    problem = {"max_tokens": "cut off", "refusal": "declined"}.get(message.stop_reason, "")
    content = None
    if not problem:
        text = "".join(block.text for block in message.content if block.type == "text")
        try:
            content = orjson.loads(text)
        except orjson.JSONDecodeError:
            problem = "not JSON"
        else:
            problem = "" if isinstance(content, dict) else "not a JSON object"
    return Reply(line.custom_id, None if problem else content, problem, usage)
