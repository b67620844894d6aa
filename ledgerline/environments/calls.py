"""Reading the tool call that a policy wrote (Hermes form, as in Qwen's chat template)."""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_DEPTH = 16
"""Levels of nesting, at most, at which a stored record holds a call."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that names a known tool and gives the arguments that it takes."""

    tool: str
    arguments: dict[str, str]


class CallError(Exception):
    """Why no call could be made; the message is written for the policy to read.

    `tool` and `arguments` hold what could be read before the problem was met; nothing, where
    orjson can't write it: a lone surrogate, an integer above 64 bits, deep nesting.
    """

    def __init__(
        self, message: str, tool: str | None = None, arguments: Mapping[str, Any] | None = None
    ):
        super().__init__(message)
        writable = _is_writable([tool, arguments])
        self.tool = tool if writable else None
        self.arguments = dict(arguments or {}) if writable else {}


def write_call(tool: str, arguments: Mapping[str, str]) -> str:
    """The text of a call, as a policy is expected to write it."""
    body = json.dumps({"name": tool, "arguments": dict(arguments)}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


def read_call(text: str, tools: Mapping[str, Callable[..., str]]) -> Call:
    """The single call in `text`, checked against the signatures of `tools`.

    Text around the call is allowed. Raises `CallError` for no call, several calls, broken
    JSON, an unknown tool, or arguments that are missing, unknown or not text.
    """
    blocks = _BLOCK.findall(text)
    if not blocks:
        raise CallError(f"No tool call. Write one: {_usage(tools)}.")
    if len(blocks) > 1:
        raise CallError(f"{len(blocks)} tool calls in one turn; make one at a time.")
    tool, arguments = _read_body(blocks[0])
    if tool not in tools:
        raise CallError(f"No tool {tool!r}. There are: {_usage(tools)}.", tool, arguments)
    return Call(tool, _check_arguments(tool, arguments, tools[tool]))


def _read_body(body: str) -> tuple[str, dict[str, Any]]:
    try:
        call = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CallError(f"The tool call is not valid JSON: {error}.") from None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise CallError('A tool call is {"name": …, "arguments": {…}}.')
    arguments = call.get("arguments", {})
    if not isinstance(arguments, dict):
        raise CallError('"arguments" must be an object.', call["name"])
    return call["name"], arguments


def _check_arguments(
    tool: str, arguments: dict[str, Any], function: Callable[..., str]
) -> dict[str, str]:
    expected = inspect.signature(function).parameters
    missing = [
        name
        for name, parameter in expected.items()
        if name not in arguments and parameter.default is parameter.empty
    ]
    unknown = [name for name in arguments if name not in expected]
    if missing or unknown:
        faults = [f"{name} is missing" for name in missing]
        faults += [f"{name!r} is not an argument" for name in unknown]
        raise CallError(
            f"{tool} takes {', '.join(expected)}: {', '.join(faults)}.", tool, arguments
        )
    checked = {}
    for name, value in arguments.items():
        if isinstance(value, bool | dict | list) or value is None:
            raise CallError(f"{tool}: {name} must be text.", tool, arguments)
        checked[name] = str(value)
        if not _is_unicode(checked[name]):
            raise CallError(f"{tool}: {name} is not valid Unicode.", tool)
    return checked


def _is_writable(content: Any) -> bool:
    """Whether orjson can write `content` where a record holds it."""
    for _ in range(_DEPTH):
        content = [content]
    try:
        orjson.dumps(content)
    except orjson.JSONEncodeError:
        return False
    return True


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, from an escape such as "\ud800"
        return False
    return True


def _usage(tools: Mapping[str, Callable[..., str]]) -> str:
    return ", ".join(
        f"{name}({', '.join(inspect.signature(function).parameters)})"
        for name, function in tools.items()
    )
