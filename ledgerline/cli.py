"""The `ledgerline` command: facts, quarantine, playing, audit, promotion, rollouts, serving."""

import sys
from collections.abc import Callable

import typer
from rich.console import Console
from rich.markup import escape

from ledgerline.errors import LedgerlineError
from ledgerline.evaluation import cli as evaluation
from ledgerline.filings import cli as filings
from ledgerline.quality import cli as quality
from ledgerline.rewards import cli as rewards
from ledgerline.serving import cli as serving
from ledgerline.training import cli as training

app = typer.Typer(
    help="SEC filings in, a small model that completes financial figures out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(filings.facts)
app.command("facts-update")(filings.facts_update)
app.command("facts-upgrade")(filings.facts_upgrade)
app.add_typer(quality.app, name="quarantine")
rewards.mount(app)
evaluation.mount(app)
serving.mount(app)
training.mount(app)


def main(run: Callable[[], object] = app) -> None:
    """Run the command; what the reader can mend is one line, not a traceback."""
    try:
        run()
    except LedgerlineError as error:
        Console(stderr=True).print(f"[bold red]ledgerline:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
