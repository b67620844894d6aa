"""The contract that every environment keeps, and the tool schemas read from it."""

import inspect
from collections.abc import Callable, Mapping
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
    return {
        name: getattr(environment, name)
        for name, member in vars(type(environment)).items()
        if inspect.isfunction(member) and not name.startswith("_") and name != "reset"
    }


def tool_schemas(environment: Environment) -> list[dict[str, Any]]:
    """JSON schemas of the tools, from their signatures and docstrings (OpenAI's form)."""
    from transformers.utils import get_json_schema

    return [get_json_schema(tool) for tool in tools_of(environment).values()]
