"""Writes replace what was there whole, or not at all, and clear away what the dead left."""

import os
import signal
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ledgerline import durable
from ledgerline.durable import replacing_directory, replacing_file, write_text


def killed(work: Callable[[], None]) -> None:
    """Run `work` in a forked process that kills itself at its end, as it would be by SIGKILL."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_failed_write_keeps_the_old_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    write_text(target, "old")

    def fail_half_way() -> None:
        with replacing_file(target) as temporary:
            temporary.write_text("ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "facts.sqlite"

    def half_a_database() -> None:
        with replacing_file(target) as temporary:
            database = sqlite3.connect(temporary)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE fact (value)")
            os.kill(os.getpid(), signal.SIGKILL)

    killed(half_a_database)
    (left,) = tmp_path.iterdir()
    assert {path.name for path in left.iterdir()} == {
        "facts.sqlite",
        "facts.sqlite-shm",
        "facts.sqlite-wal",
    }
    write_text(target, "whole")
    assert list(tmp_path.iterdir()) == [target]


def test_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with replacing_directory(target) as first:
        (first / "weights").write_text("first")
        with replacing_directory(target) as second:
            (second / "weights").write_text("second")
        assert (target / "weights").read_text() == "second"
    assert (target / "weights").read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_directory_is_replaced_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(durable, "_exchange", lambda *_: False)
    target = tmp_path / "model"
    for name in ("old", "new"):
        with replacing_directory(target) as temporary:
            (temporary / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("step", ["_sync_file", "_exchange", "_sync_directory"])
@pytest.mark.parametrize("done", [False, True])
def test_a_kill_around_any_step_leaves_a_whole_directory(
    tmp_path: Path, step: str, done: bool
) -> None:
    target = tmp_path / "model"
    with replacing_directory(target) as temporary:
        (temporary / "weights").write_text("old")

    def replace() -> None:
        real = getattr(durable, step)

        def last(*arguments: Path) -> None:
            if done:
                real(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(durable, step, last)
        with replacing_directory(target) as temporary:
            (temporary / "weights").write_text("new")

    killed(replace)
    exchanged = step == "_sync_directory" or (step == "_exchange" and done)
    assert (target / "weights").read_text() == ("new" if exchanged else "old")


def test_what_is_written_may_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_text(tmp_path / "report.html", "page")
        with replacing_directory(tmp_path / "site") as temporary:
            (temporary / "index.html").write_text("page")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "site").stat().st_mode) == 0o755
