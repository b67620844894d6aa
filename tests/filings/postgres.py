"""A Postgres server of Debian's package, started for the tests in a folder of its own."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _user() -> str | None:
    """Whom to run as: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("Postgres won't run as root and there is no user postgres")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """URL (without a database) of a server that lives in `folder`; skips where there is none."""
    programs = _programs()
    if programs is None:
        pytest.skip("no Postgres here: apt-get install postgresql")
    user = _user()
    if user is not None:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"

    def run(*command: str) -> None:
        done = subprocess.run(
            [str(programs / command[0]), *command[1:]],
            user=user,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("initdb", "-D", str(data), "-U", "ledgerline", "-A", "trust", "-N", "-E", "UTF8")
    options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://ledgerline@127.0.0.1:{port}"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
