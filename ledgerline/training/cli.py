"""The command `plan`: what training with a profile will take."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledgerline.environments.environment import tool_schemas
from ledgerline.environments.filings import FilingsEnvironment
from ledgerline.errors import LedgerlineError
from ledgerline.profiles import merged, read_yaml

if TYPE_CHECKING:
    from ledgerline.training.plan import Episodes, Shape

_CHARACTERS = 4  # of a token, in English and JSON
_MARKUP = 800  # characters that a chat template with tools adds


def plan(
    profile: Annotated[Path, typer.Argument(help="What differs from params.yaml.")],
    params: Annotated[Path, typer.Option(help="The params it differs from.")] = Path("params.yaml"),
    memory_gb: Annotated[float, typer.Option(help="The accelerator's memory, GB.")] = 80,
    tflops: Annotated[float, typer.Option(help="Its dense bfloat16 teraflops.")] = 312,
    bandwidth: Annotated[float, typer.Option(help="Its memory bandwidth, GB/s.")] = 2000,
    reached: Annotated[float, typer.Option(help="Share of both that is reached.")] = 0.4,
    turns: Annotated[int, typer.Option(help="Turns of an average episode.")] = 2,
    sampled: Annotated[int, typer.Option(help="Tokens sampled in a turn.")] = 40,
    replied: Annotated[int, typer.Option(help="Tokens of a tool's reply.")] = 80,
) -> None:
    """Build the policy at its true size without weights; print its memory and a step's time.

    The defaults are an A100 of 80 GB. Time is an estimate from operations and bytes.
    """
    from ledgerline.examples.intrusions import LONGEST
    from ledgerline.policy.policy import PolicySettings
    from ledgerline.training import plan as planning
    from ledgerline.training.settings import TrainerSettings

    content: Any = merged(read_yaml(params), read_yaml(profile))
    try:
        policy = PolicySettings.model_validate(content["policy"])
        train = TrainerSettings.model_validate(content["train"])
        longest = int(content["synthesize"]["longest_prompt"]) + LONGEST
    except (KeyError, TypeError, ValueError) as error:
        described = error if isinstance(error, ValidationError) else f"{error!r} is missing"
        raise LedgerlineError(f"{profile} with {params}: {described}") from None
    fixed = FilingsEnvironment.instructions + json.dumps(tool_schemas(FilingsEnvironment))
    prompt = (len(fixed) + longest + _MARKUP) // _CHARACTERS
    episodes = planning.Episodes(prompt, turns, sampled, replied)
    machine = planning.Machine(memory_gb * 1e9, tflops * 1e12, bandwidth * 1e9, reached)
    shape = planning.measure(policy, train.batch_tokens)
    needed = planning.memory(shape, policy, train, episodes)
    spent = planning.seconds(shape, policy, train, episodes, machine)
    console = Console()
    _describe(console, policy.base, shape, episodes)
    console.print(_table("memory, GB", {name: value / 1e9 for name, value in needed.items()}))
    console.print(_table("seconds a step", spent))
    rollouts = train.groups * train.group_size
    console.print(
        f"{rollouts} rollouts a step; {train.steps} steps in "
        f"{train.steps * sum(spent.values()) / 3600:.1f} h, up to {train.refills + 1} times the "
        "rollout's share where groups without signal are replaced"
    )
    if sum(needed.values()) > machine.memory:
        raise LedgerlineError(
            f"{sum(needed.values()) / 1e9:.0f} GB don't fit into {memory_gb:.0f} GB: lower "
            "train.batch_tokens or policy.engine.rows, or set policy.gradient_checkpointing"
        )


def mount(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("plan")(plan)


def _describe(console: Console, base: str, shape: "Shape", episodes: "Episodes") -> None:
    console.print(
        f"{escape(base)}: {shape.parameters / 1e9:.2f} billion parameters, "
        f"{shape.trained / 1e6:.1f} million of them trained; "
        f"{shape.flops / 1e9:.1f} GFLOP a trained token, {shape.cache_bytes / 1e3:.0f} kB of "
        f"cache a token; episodes of {episodes.tokens} tokens, {episodes.prompt} of them prompt",
        highlight=False,
        soft_wrap=True,
    )


def _table(title: str, rows: dict[str, float]) -> Table:
    table = Table("", title)
    for name, value in rows.items():
        table.add_row(name, f"{value:.2f}")
    table.add_section()
    table.add_row("all", f"{sum(rows.values()):.2f}")
    return table
