"""Writes that survive a kill: a reader sees the old content or the new, never half.

What is not yet whole lies in a folder `.NAME.….tmp` beside its target, which its writer holds
locked. The kernel lets go of the lock of a process that dies, so whoever next writes the same
target can tell a dead writer's folder from a live one's, and removes it.
"""

import ctypes
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HERE = -100  # AT_FDCWD: paths are relative to the working directory
_EXCHANGE = 2  # RENAME_EXCHANGE


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` with `content` durably: temporary file, fsync, rename, directory fsync."""
    with replacing_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for UTF-8 text."""
    write_bytes(path, content.encode())


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path near `path`; on success it becomes `path` durably.

    For writers that need a file name of their own (SQLite, safetensors, matplotlib).
    """
    with _workplace(path) as folder:
        temporary = folder / path.name
        yield temporary
        _sync_file(temporary)
        temporary.replace(path)
        _sync_directory(path.parent)


@contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """Yield an empty temporary directory near `path`; on success it becomes `path` durably.

    One rename exchanges the old directory for the new. Where the file system can't do that
    the old one steps aside first, and a kill in between leaves no `path`, which a reader
    takes for "not there yet", never for a whole one.
    """
    with _workplace(path) as folder:
        temporary = folder / path.name
        temporary.mkdir()
        yield temporary
        for file in sorted(temporary.rglob("*")):
            if file.is_file():
                _sync_file(file)
        if not (path.exists() and _exchange(temporary, path)):
            if path.exists():
                path.replace(folder / "old")
            temporary.replace(path)
        _sync_directory(path.parent)


@contextmanager
def _workplace(path: Path) -> Iterator[Path]:
    """A folder of our own beside `path`, locked while we live and gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under the parent's lock, so that nobody takes a folder for a dead one's before it is locked.
    with _locked(path.parent):
        _remove_left_over(path)
        folder = Path(tempfile.mkdtemp(".tmp", f".{path.name}.", path.parent))
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _remove_left_over(path: Path) -> None:
    """Remove what writers of `path` that died left beside it."""
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        # Its writer may finish in this moment, or live on.
        with suppress(FileNotFoundError, BlockingIOError), _locked(folder, fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step (Linux's renameat2); whether that could be done."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
