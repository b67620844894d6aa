"""The commands about champions and this machine, run as somebody would type them."""

import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ledgerline.cli import app, main
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.doctor import Health, examine
from ledgerline.evaluation.tables import rich_table
from tests.evaluation.test_registry import Place, empty_database, place, run

__all__ = ["empty_database", "place"]  # fixtures
REPOSITORY = Path(__file__).resolve().parents[2]


def say(place: Place, *arguments: str) -> str:
    """What a command prints about the registry; its error, where it fails."""
    uri = f"sqlite:///{place.folder}/mlflow.db"
    done = CliRunner(env={"COLUMNS": "300", "MLFLOW_TRACKING_URI": uri}).invoke(app, arguments)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_champion_show_history_and_rollback_tell_the_same_story(place: Place) -> None:
    with pytest.raises(LedgerlineError, match="`dvc repro` registers one"):
        say(place, "champion", "show")
    run(place, 1, 0.8)
    run(place, 2, 0.95)
    shown = say(place, "champion", "show")
    assert "ledgerline version 2, champion" in shown
    assert "against version 1: every check passed" in shown
    assert "version 1 is champion again" in say(place, "champion", "rollback", "banks look wrong")
    assert "ledgerline version 1, champion" in say(place, "champion", "show")
    history = [line.split("│") for line in say(place, "champion", "history").splitlines()]
    changes = [
        [cell.strip() for cell in line[2:6]]
        for line in history
        if len(line) == 7 and line[2].strip() in {"promoted", "rolled back"}
    ]
    assert changes == [
        ["promoted", "1", "–", "every check passed"],
        ["promoted", "2", "1", "every check passed"],
        ["rolled back", "1", "2", "banks look wrong"],
    ]
    with pytest.raises(LedgerlineError, match="no earlier champion"):
        say(place, "champion", "rollback", "once more")


def test_brackets_in_a_reason_or_a_message_are_printed_as_they_are(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, 1, 0.8)
    run(place, 2, 0.95)
    say(place, "champion", "rollback", "see [/tmp/notes] and [old]")
    assert "see [/tmp/notes] and [old]" in say(place, "champion", "history")

    def refused() -> None:
        raise LedgerlineError("no file at [old] or [/tmp/notes]")

    with pytest.raises(SystemExit):
        main(refused)
    assert "ledgerline: no file at [old] or [/tmp/notes]" in capsys.readouterr().err
    shown = Console(width=80, record=True, file=StringIO())
    shown.print(rich_table("", ["check", "why"], [["[old]", "[/tmp/notes]"]]))
    text = shown.export_text()
    assert "[old]" in text
    assert "[/tmp/notes]" in text


def test_the_doctor_finds_this_machine_well_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    well = {finding.name: finding for finding in examine(REPOSITORY)}
    assert not [name for name, finding in well.items() if finding.health is Health.BAD]
    assert well["Python"].detail == ".".join(map(str, sys.version_info[:3]))
    assert "prefect 3." in well["packages"].detail

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    ill = {finding.name: finding for finding in examine(tmp_path)}
    for name, says in (("project", "has no dvc.yaml"), ("MLflow", "does not"), ("Prefect", "not")):
        assert ill[name].health is Health.BAD
        assert says in ill[name].detail
        assert ill[name].remedy
    assert ill["DVC remote"].health is Health.WARNING
    done = CliRunner().invoke(app, ["doctor", "--root", str(tmp_path)])
    assert done.exit_code == 1
