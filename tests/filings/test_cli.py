"""`ledgerline facts`: a table to look at."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ledgerline.errors import LedgerlineError
from ledgerline.filings.cli import facts, facts_update, facts_upgrade
from ledgerline.filings.store import Store

app = typer.Typer()
app.command()(facts)
app.command()(facts_update)
app.command()(facts_upgrade)


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_periods_values_accessions_and_restatements(real_store: Path) -> None:
    table = shown("facts", "NVDA", "--metric", "eps", "--store", str(real_store), "--years")
    row = next(line for line in table.splitlines() if "FY2024" in line)
    assert "$1.19" in row
    assert "10-for-1 split; first $11.93 (0001045810-24-000029)" in row
    table = shown("facts", "AAPL", "--metric", "revenue", "--store", str(real_store))
    row = next(line for line in table.splitlines() if "Q4 2023" in line)
    assert "$89.5 billion" in row
    assert "FY2023 − 9M 2023" in row


def test_as_of_and_what_there_is(real_store: Path) -> None:
    table = shown(
        *("facts", "AAPL", "--metric", "revenue", "--store", str(real_store)),
        *("--years", "--as-of", "2023-06-30"),
    )
    assert "FY2022" in table
    assert "FY2023" not in table
    assert "Operating cash flow" in shown("facts", "TSMC", "--store", str(real_store))


def test_what_is_unknown_is_said(real_store: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerlineError, match="no company here"):
        shown("facts", "Globex", "--store", str(real_store))
    with pytest.raises(LedgerlineError, match=r"no metric.*near: .*Net income"):
        shown("facts", "AAPL", "--metric", "income", "--store", str(real_store))
    with pytest.raises(LedgerlineError, match="no store of facts"):
        shown("facts", "AAPL", "--store", str(tmp_path / "none.sqlite"))
    new = shown("facts-upgrade", str(tmp_path / "[bold]new.sqlite"))
    assert "[bold]new.sqlite: revision none → 0002" in " ".join(new.split())


def test_an_update_needs_a_store_and_a_name(tmp_path: Path) -> None:
    store = tmp_path / "facts.sqlite"
    asked = ("facts-update", str(store), "AAPL", "--folder", str(tmp_path), "--identity")
    with pytest.raises(LedgerlineError, match="no store of facts there"):
        shown(*asked, "Ledgerline Tests tests@example.org")
    Store.create(store).close()
    with pytest.raises(LedgerlineError, match="identity to 'Name address@domain'"):
        shown(*asked, "somebody")
