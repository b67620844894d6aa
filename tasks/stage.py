"""What every stage has in common: its params, its MLflow run, its way to fail."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from ledgerline.errors import LedgerlineError
from tasks.params import AnyParams, load_params

PARAMS = Path("params.yaml")
TRANSPORT_FAILURE = 75
"""Exit status of a stage that failed to reach a server: worth a retry (sysexits' TEMPFAIL)."""


class TransportError(LedgerlineError):
    """A server could not be reached or would not serve; trying again later may help."""


def run_stage(name: str, kind: type[AnyParams], body: Callable[[AnyParams], None]) -> NoReturn:
    """Run a stage's `body` with the params that `kind` names, and exit.

    The status is 0, 1 on an error, 75 where a server could not be reached.
    A `LedgerlineError` is one clear message; anything else is a bug and keeps its traceback.
    """
    console = Console(stderr=True)
    try:
        body(load_params(PARAMS, kind))
    except TransportError as error:
        console.print(f"[bold red]{name}:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(TRANSPORT_FAILURE)
    except LedgerlineError as error:
        console.print(f"[bold red]{name}:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    sys.exit(0)


def wide_console() -> Console:
    """A console for tables; where there is no terminal, wide enough for them."""
    return Console(width=None if sys.stdout.isatty() else 160)
