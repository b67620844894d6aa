"""The project with other params, in a folder of its own: `python -m tasks.profile PROFILE FOLDER`.

A profile is a YAML file that holds only what differs from params.yaml. The folder gets the
project's code as it is in the working tree, so a run there disturbs nothing here.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.markup import escape

from ledgerline.errors import LedgerlineError
from ledgerline.profiles import merged, read_yaml

CODE = ("ledgerline", "tasks", "dvc.yaml", ".dvcignore", "data/reviews.yaml")


def main(
    profile: Annotated[Path, typer.Argument(help="YAML file of what differs.")],
    folder: Annotated[Path, typer.Argument(help="Where the project is laid out.")],
    filings: Annotated[
        Path | None, typer.Option(help="Folder of filings for the first source.")
    ] = None,
) -> None:
    """Lay the project out in FOLDER with PROFILE's params; what a run left there is kept."""
    try:
        lay_out(Path(), profile, folder, filings)
    except LedgerlineError as error:
        Console(stderr=True).print(f"[bold red]profile:[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from None


def lay_out(project: Path, profile: Path, folder: Path, filings: Path | None = None) -> None:
    """Copy the project's code to `folder` and write its params there, `profile` merged in."""
    changes = read_yaml(profile)
    params = merged(read_yaml(project / "params.yaml"), changes)
    if filings is not None:
        if not filings.is_dir():
            raise LedgerlineError(f"{filings} is no folder; name one that holds filings")
        params["ingest"]["sources"][0]["folder"] = str(filings.resolve())
    folder.mkdir(parents=True, exist_ok=True)
    for name in CODE:
        source, target = project / name, folder / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    if not (folder / ".dvc").is_dir():
        dvc = [sys.executable, "-m", "dvc"]
        subprocess.run([*dvc, "init", "--quiet", "--no-scm", "--force"], cwd=folder, check=True)
        subprocess.run([*dvc, "config", "core.analytics", "false"], cwd=folder, check=True)


if __name__ == "__main__":
    typer.run(main)
