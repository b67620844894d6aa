"""The contract that every environment keeps, and the tool schemas read from it."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol


class Environment(Protocol):
    """A world of tools. One instance serves one episode at a time.

    Its public methods, but for `reset`, are the tools: typed, with Google-style docstrings,
    returning the text that the policy reads. Calling the tool named by `final_tool` ends the
    episode; its only argument becomes the answer, and the empty answer is an abstention.
    This is the shape that TRL's `environment_factory` takes.
    """

    instructions: str
    final_tool: str
    evidence: list[Mapping[str, Any]]

    def reset(self, **example: Any) -> str:
        """Begin the episode of `example` and return the user's message."""
        ...


def tools_of(environment: Environment) -> dict[str, Callable[..., str]]:
    """Name → bound method of every tool, in the order in which the class defines them."""
    return {name: getattr(environment, name) for name in _tool_names(type(environment))}


@cache
def tool_schemas(kind: type[Environment]) -> list[dict[str, Any]]:
    """JSON schemas of a class's tools, from their signatures and docstrings (OpenAI's form)."""
    from transformers.utils import get_json_schema

    return [get_json_schema(getattr(kind, name)) for name in _tool_names(kind)]


@cache
def _tool_names(kind: type[Environment]) -> tuple[str, ...]:
    return tuple(
        name
        for name, member in vars(kind).items()
        if inspect.isfunction(member) and not name.startswith("_") and name != "reset"
    )
