"""Commands: who is champion, going back, evaluating a version again, examining the machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledgerline.errors import LedgerlineError

if TYPE_CHECKING:  # MLflow's import takes seconds that `--help` shouldn't cost
    from ledgerline.evaluation.registry import Registry

DEFAULT_URI = "sqlite:///mlflow.db"

Uri = Annotated[
    str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's address or database.")
]
Model = Annotated[str, typer.Option(help="Name of the model in the registry.")]
Experiment = Annotated[str, typer.Option(help="MLflow experiment that holds its files.")]

champion = typer.Typer(help="Who is champion, who was, and going back.", no_args_is_help=True)


@champion.command()
def show(
    uri: Uri = DEFAULT_URI, model: Model = "ledgerline", experiment: Experiment = "registry"
) -> None:
    """Show the present champion, where it comes from, and what decided."""
    registry = open_registry(uri, model, experiment)
    present = registry.champion()
    if present is None:
        raise LedgerlineError(f"{model} in {uri} has no champion yet; `dvc repro` trains one")
    console = Console()
    console.print(f"[bold]{escape(model)} version {present.number}[/], champion", highlight=False)
    for name, value in sorted(present.tags.items()):
        console.print(f"  {name}: {value or '–'}", highlight=False, markup=False, soft_wrap=True)
    decided = [row for row in registry.decisions().values() if row["version"] == present.number]
    for row in sorted(decided, key=lambda row: str(row["at"]))[-1:]:
        console.print(
            f"  decided {row['at']} against {row['incumbent']}: {row['reason']}", markup=False
        )


@champion.command()
def history(
    uri: Uri = DEFAULT_URI, model: Model = "ledgerline", experiment: Experiment = "registry"
) -> None:
    """Show every change of champion, and every decision of the gate."""
    registry = open_registry(uri, model, experiment)
    changes = _table("Champions", ("when", "what", "version", "before", "why"))
    for event in registry.events():
        changes.add_row(
            event.at,
            event.action,
            str(event.version),
            str(event.previous or "–"),
            escape(event.reason),
        )
    decisions = _table("Decisions", ("when", "version", "against", "verdict", "why"))
    for row in sorted(registry.decisions().values(), key=lambda row: str(row["at"])):
        decisions.add_row(
            row["at"],
            str(row["version"]),
            row["incumbent"],
            row["verdict"],
            escape(row["reason"]),
        )
    console = Console()
    console.print(changes)
    console.print(decisions)


@champion.command()
def rollback(
    reason: Annotated[str, typer.Argument(help="Why; it is kept in the history.")],
    uri: Uri = DEFAULT_URI,
    model: Model = "ledgerline",
    experiment: Experiment = "registry",
    lock: Annotated[Path, typer.Option(help="The lock file that promotion uses.")] = Path(
        "mlflow.db.promotion.lock"
    ),
) -> None:
    """Give the title back to the champion before this one."""
    from ledgerline.evaluation.registry import promotion_lock

    with promotion_lock(lock):
        event = open_registry(uri, model, experiment).rollback(reason)
    Console().print(
        f"{model}: version {event.version} is champion again, version {event.previous} is not; "
        "the gate will not bring it back by itself",
        highlight=False,
        markup=False,
    )


def reevaluate(
    version: Annotated[int, typer.Argument(help="Number of the model version.")],
    uri: Uri = DEFAULT_URI,
    model: Model = "ledgerline",
    experiment: Experiment = "registry",
) -> None:
    """Evaluate a registered version again, from what is stored with it alone."""
    from ledgerline.evaluation.reevaluate import reevaluate as play_again

    repeat = play_again(open_registry(uri, model, experiment), version)
    right = sum(record.right for record in repeat.records if record.split == "test")
    asked = sum(record.split == "test" for record in repeat.records)
    console = Console()
    console.print(f"version {version}: {right} of {asked} test examples right", highlight=False)
    if repeat.differing:
        raise LedgerlineError(
            f"{len(repeat.differing)} of {repeat.compared} results differ from those stored with "
            f"the version, first {repeat.differing[0]}; look at its tags hardware and git_commit"
        )
    console.print(f"the same result as stored, on all {repeat.compared} examples", highlight=False)


def doctor(
    root: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
) -> None:
    """Examine this machine and say what to do; exit with 1 where something is bad."""
    from ledgerline.evaluation.doctor import Health, examine

    styles = {Health.GOOD: "green", Health.WARNING: "yellow", Health.BAD: "bold red"}
    table = _table("", ("", "", "how it is", "what to do"))
    findings = examine(root.resolve())
    for finding in findings:
        style = styles[finding.health]
        table.add_row(
            finding.name,
            f"[{style}]{finding.health}[/]",
            escape(finding.detail),
            escape(finding.remedy),
        )
    Console().print(table)
    if any(finding.health is Health.BAD for finding in findings):
        raise typer.Exit(1)


def mount(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.add_typer(champion, name="champion")
    app.command()(reevaluate)
    app.command()(doctor)


def open_registry(uri: str, model: str, experiment: str) -> "Registry":
    """The registry behind `uri`; LedgerlineError when it has no such model."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from ledgerline.evaluation.registry import Registry

    registry = Registry(uri, model, experiment)
    if not registry.exists():
        raise LedgerlineError(f"no model {model} in {uri}; `dvc repro` registers one")
    return registry


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
