"""Prompted models as baselines: the same tools and rules, through somebody's API.

Replies are cached on disk by what was asked, so that an evaluation repeated costs nothing.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from ledgerline.durable import write_text
from ledgerline.environments.calls import write_call
from ledgerline.environments.dialogue import Dialogue, Limits
from ledgerline.environments.environment import Environment, tool_schemas
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.judging import Played, Player
from ledgerline.examples.example import Example
from ledgerline.settings import Settings

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
_LOGGER = logging.getLogger(__name__)
_SECONDS = 120.0
_RETRIES = 4
_WAIT = 1.0
"""Seconds before the first retry of a request that failed; each further one waits twice that."""


class PromptedSettings(Settings):
    """One prompted model.

    `api`: "anthropic" (its SDK) or "openai" (any server that speaks that protocol at `url`, a
    local vLLM included). `prompt`: a file whose text is put before the environment's
    instructions; may be empty. `key`: the environment variable that holds the key; empty for a
    server that wants none. `dollars_in`, `dollars_out`: price of a million tokens.
    `examples`: at most so many are played.
    """

    name: str
    api: Literal["anthropic", "openai"]
    model: str
    url: str
    prompt: str
    key: str
    dollars_in: float
    dollars_out: float
    examples: int


@dataclass(frozen=True, slots=True)
class Reply:
    """One turn of a prompted model: text as our policies write it, tokens in and out, seconds."""

    text: str
    tokens_in: int
    tokens_out: int
    seconds: float


Ask = Callable[[list[dict[str, Any]]], Reply]
"""The conversation so far (OpenAI's form of messages) → the model's next turn."""


def is_available(settings: PromptedSettings) -> bool:
    """Whether the model's key is set; says so in the log where it isn't."""
    if settings.key and not os.environ.get(settings.key):
        _LOGGER.warning("%s is left out: set %s to play it", settings.name, settings.key)
        return False
    return True


def prompted_player(
    settings: PromptedSettings,
    make: Callable[[], Environment],
    fields: Callable[[Example], Mapping[str, Any]],
    limits: Limits,
    cache: Path,
) -> Player:
    """A player that asks the model, turn by turn, with the environment's own tools.

    Raises LedgerlineError when the API refuses or the prompt file is missing. A model's
    confidence can't be seen through these APIs; it is 1 for every answer.
    """
    environment = make()
    tools = tool_schemas(type(environment))
    system = f"{_read_prompt(settings.prompt)}{environment.instructions}"
    ask = _cached(_asker(settings, system, tools), settings, system, cache)

    def player(examples: Sequence[Example]) -> list[Played]:
        return [_converse(ask, make(), fields(example), limits, settings) for example in examples]

    return player


def _converse(
    ask: Ask,
    environment: Environment,
    fields: Mapping[str, Any],
    limits: Limits,
    settings: PromptedSettings,
) -> Played:
    dialogue = Dialogue(environment, fields, limits)
    messages: list[dict[str, Any]] = [{"role": "user", "content": dialogue.opening}]
    seconds = cost = 0.0
    while dialogue.outcome is None:
        reply = ask(messages)
        seconds += reply.seconds
        cost += reply.tokens_in * settings.dollars_in + reply.tokens_out * settings.dollars_out
        result = dialogue.say(reply.text, reply.tokens_out)
        messages.append({"role": "assistant", "content": reply.text})
        messages.append({"role": "tool", "content": result or ""})
    return Played(dialogue.transcript(), seconds, 1.0, cost / 1e6)


def _asker(settings: PromptedSettings, system: str, tools: list[dict[str, Any]]) -> Ask:
    if settings.api == "anthropic":
        return _anthropic(settings, system, tools)
    return _openai(settings, system, tools)


def _openai(settings: PromptedSettings, system: str, tools: list[dict[str, Any]]) -> Ask:
    key = os.environ.get(settings.key, "") if settings.key else ""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    client = httpx.Client(base_url=settings.url, headers=headers, timeout=_SECONDS)

    def ask(messages: list[dict[str, Any]]) -> Reply:
        body = {
            "model": settings.model,
            "messages": [{"role": "system", "content": system}, *_openai_messages(messages)],
            "tools": tools,
            "temperature": 0,
        }
        where = f"{settings.name} at {settings.url}"
        try:
            response, seconds = _post(client, body)
        except httpx.HTTPError as error:
            raise LedgerlineError(f"{where}: {error or repr(error)}") from None
        try:
            content = response.json()
            message = content["choices"][0]["message"]
            text = [message.get("content") or ""]
            for call in message.get("tool_calls") or []:
                text.append(_call_text(call["function"]["name"], call["function"]["arguments"]))
            usage = content.get("usage") or {}
            return Reply(
                "".join(text),
                int(usage.get("prompt_tokens", 0)),
                int(usage.get("completion_tokens", 0)),
                seconds,
            )
        except _UNREADABLE as error:
            raise LedgerlineError(f"{where} sent a reply that can't be read: {error!r}") from None

    return ask


def _post(client: httpx.Client, body: Mapping[str, Any]) -> tuple[httpx.Response, float]:
    """The response, and the seconds that its request took without those that failed before it."""
    retry = 0
    while True:
        started = time.perf_counter()
        try:
            response = client.post("chat/completions", json=body)
            response.raise_for_status()
            return response, time.perf_counter() - started
        except httpx.HTTPError as error:
            if retry == _RETRIES or not _may_pass(error):
                raise
            _LOGGER.warning("asking again: %s", error or repr(error))
        time.sleep(_WAIT * 2**retry)
        retry += 1


def _may_pass(error: httpx.HTTPError) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status == httpx.codes.TOO_MANY_REQUESTS or status >= 500
    return isinstance(error, httpx.TransportError)


def _openai_messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Our own text form of calls is kept, so tool replies go back as the user's words: that
    # works with every server, whatever it thinks of tool-call ids.
    return [
        {"role": "user", "content": f"<tool_response>\n{row['content']}\n</tool_response>"}
        if row["role"] == "tool"
        else row
        for row in messages
    ]


def _anthropic(settings: PromptedSettings, system: str, tools: list[dict[str, Any]]) -> Ask:
    import anthropic

    options = {"base_url": settings.url} if settings.url else {}
    client = anthropic.Anthropic(
        api_key=os.environ.get(settings.key, ""),
        timeout=_SECONDS,
        max_retries=_RETRIES,
        **options,
    )
    offered = [
        {
            "name": tool["function"]["name"],
            "description": tool["function"]["description"],
            "input_schema": tool["function"]["parameters"],
        }
        for tool in tools
    ]

    def ask(messages: list[dict[str, Any]]) -> Reply:
        started = time.perf_counter()
        try:
            message = client.messages.create(
                model=settings.model,
                max_tokens=1024,
                system=system,
                tools=offered,
                messages=_openai_messages(messages),
            )
        except anthropic.AnthropicError as error:
            raise LedgerlineError(f"{settings.name}: {error}") from None
        seconds = time.perf_counter() - started
        try:
            text = ""
            for block in message.content:
                if block.type == "text":
                    text += block.text
                elif block.type == "tool_use":
                    text += write_call(block.name, block.input)
            return Reply(text, message.usage.input_tokens, message.usage.output_tokens, seconds)
        except _UNREADABLE as error:
            raise LedgerlineError(
                f"{settings.name} sent a reply that can't be read: {error!r}"
            ) from None

    return ask


def _call_text(name: str, arguments: str) -> str:
    try:
        return write_call(name, json.loads(arguments))
    except (ValueError, TypeError):
        return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def _cached(ask: Ask, settings: PromptedSettings, system: str, folder: Path) -> Ask:
    def cached(messages: list[dict[str, Any]]) -> Reply:
        asked = json.dumps([settings.api, settings.model, settings.url, system, messages])
        path = folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"
        if path.is_file():
            return Reply(**json.loads(path.read_text()))
        reply = ask(messages)
        write_text(
            path,
            json.dumps(
                {
                    "text": reply.text,
                    "tokens_in": reply.tokens_in,
                    "tokens_out": reply.tokens_out,
                    "seconds": reply.seconds,
                }
            ),
        )
        return reply

    return cached


def _read_prompt(name: str) -> str:
    if not name:
        return ""
    try:
        return Path(name).read_text().strip() + "\n\n"
    except OSError as error:
        raise LedgerlineError(f"{name}: {error.strerror}; evaluate.prompted names it") from None
