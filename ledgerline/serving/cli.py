"""Commands that serve: pages to read rollouts, completions from a registered version."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.cli import DEFAULT_URI, Experiment, Model, Uri, open_registry

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.")]


def rollouts(
    folder: Annotated[
        Path, typer.Argument(help="Folder with rollouts.jsonl, of a run that ended or goes on.")
    ] = Path("data/rollouts"),
    host: Host = "127.0.0.1",
    port: Port = 8321,
) -> None:
    """Serve a page to read training rollouts: filter, compare steps, see what failed."""
    from ledgerline.serving.reading import Rollouts
    from ledgerline.serving.rollouts_page import serve as serve_page

    found = Rollouts(folder)
    typer.echo(f"{len(found.rows()):,} rollouts of {folder}: http://{host}:{port}  (Ctrl-C ends)")
    serve_page(found, host, port)


def serve(
    folder: Annotated[
        Path | None, typer.Argument(help="A version's files, downloaded; else the champion's.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Of the registry, in place of the champion.")
    ] = None,
    facts: Annotated[Path, typer.Option(help="Store of clean facts.")] = Path(
        "data/clean/facts.sqlite"
    ),
    threshold: Annotated[
        float | None,
        typer.Option(help="Show answers from this confidence on, in place of the certified one."),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8322,
    uri: Uri = DEFAULT_URI,
    model: Model = "ledgerline",
    experiment: Experiment = "registry",
) -> None:
    """Complete documents over HTTP: POST /complete."""
    import uvicorn

    from ledgerline.evaluation.promotion import read_threshold
    from ledgerline.filings.search import Search
    from ledgerline.filings.store import Store
    from ledgerline.serving.completions import application, load_completer, stored_threshold

    with Store.open(facts, read_only=True) as store:
        # Gone before it serves: a signal that ends the server leaves no time to clean up.
        with tempfile.TemporaryDirectory() as temporary:
            if folder is None:
                registry = open_registry(uri, model, experiment)
                chosen = registry.champion() if version is None else registry.version(version)
                if chosen is None:
                    raise LedgerlineError(
                        f"{model} in {uri} has no champion yet; `--version` serves another version"
                    )
                name, certified = f"{model} version {chosen.number}", read_threshold(chosen)
                folder = registry.fetch(chosen, Path(temporary))
            else:
                name, certified = str(folder), stored_threshold(folder)
            shown_from = certified if threshold is None else threshold
            completer = load_completer(folder, Search(store), shown_from)
        if shown_from is None:
            typer.echo(f"{name} has no certified threshold, so nothing is shown: see --threshold")
        typer.echo(f"{name}: http://{host}:{port}/complete  (Ctrl-C ends)")
        uvicorn.run(application(completer), host=host, port=port, log_level="warning")


def mount(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(rollouts)
    app.command()(serve)
