"""What the project's modules import, read from their source."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("flows", "tasks", "ledgerline")


def imported_modules(path: Path) -> set[Path]:
    """Files of ours that `path` imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = {
        (ROOT / name.replace(".", "/")).with_suffix(".py")
        for name in names
        if name.split(".")[0] in OURS
    }
    return {file for file in files if file.is_file()}


def reached_from(start: Path) -> set[Path]:
    """Every file of ours that running `start` can import, itself included."""
    todo, seen = [start], set()
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += imported_modules(file)
    return seen
