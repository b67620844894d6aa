"""Commands that serve pages."""

from pathlib import Path
from typing import Annotated

import typer


def rollouts(
    folder: Annotated[
        Path, typer.Argument(help="Folder with rollouts.jsonl, of a run that ended or goes on.")
    ] = Path("data/rollouts"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8321,
) -> None:
    """Serve a page to read training rollouts: filter, compare steps, see what failed."""
    from ledgerline.serving.reading import Rollouts
    from ledgerline.serving.rollouts_page import serve

    found = Rollouts(folder)
    typer.echo(f"{len(found.rows()):,} rollouts of {folder}: http://{host}:{port}  (Ctrl-C ends)")
    serve(found, host, port)


def mount(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(rollouts)
