"""`ledgerline quarantine`: see what was set aside, and decide on it."""

import os
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledgerline.errors import LedgerlineError
from ledgerline.filings.store import Store
from ledgerline.quality.duplicates import read_duplicates
from ledgerline.quality.quarantine import read_quarantine, row_identity
from ledgerline.quality.reviews import (
    Decision,
    Identity,
    Review,
    decide,
    read_reviews,
    write_reviews,
)

app = typer.Typer(
    help="See what the quality gate set aside, and accept, correct or reject it.",
    no_args_is_help=True,
)
Clean = Annotated[Path, typer.Option("--store", help="The clean store, which has the quarantine.")]
Reviews = Annotated[Path, typer.Option(help="The file of decisions, under version control.")]
Fact = Annotated[
    str, typer.Argument(help="A fact as `list` prints it, or any part that names just one.")
]
Note = Annotated[str, typer.Option(help="Why; the next reader will want to know.")]
Reviewer = Annotated[str, typer.Option(help="Who decides.", envvar=["LEDGERLINE_REVIEWER", "USER"])]
CLEAN, REVIEWS = Path("data/clean/facts.sqlite"), Path("data/reviews.yaml")


@app.command("list")
def list_facts(
    store: Clean = CLEAN,
    status: Annotated[str, typer.Option(help="pending, accepted, corrected or rejected.")] = "",
    reason: Annotated[str, typer.Option(help="Only reasons that hold these words.")] = "",
    limit: Annotated[int, typer.Option(help="How many to print.")] = 50,
) -> None:
    """The facts in quarantine, surest first."""
    rows = [
        row
        for row in _quarantine(store)
        if status in ("", row["status"]) and reason.lower() in row["reason"].lower()
    ]
    table = Table("fact", "company", "value", "suggested", "confidence", "reason", "status")
    for row in rows[:limit]:
        table.add_row(
            escape(str(row_identity(row))),
            escape(row["company"]),
            row["value"],
            row["suggested_value"] or "",
            f"{row['confidence']:.3f}",
            row["reason"],
            row["status"],
        )
    console = Console()
    console.print(table)
    console.print(f"{min(limit, len(rows))} of {len(rows)}")


@app.command()
def show(fact: Fact, store: Clean = CLEAN) -> None:
    """One fact with all the evidence."""
    row = _named(_quarantine(store), fact)
    console = Console(highlight=False)
    console.print(f"[bold]{escape(row['company'])}[/]  {escape(str(row_identity(row)))}")
    console.print(f"{row['value']} {row['unit']}, {row['form']} filed {row['filed']}")
    console.print(f"{row['reason']}, confidence {row['confidence']:.3f}, {row['status']}")
    if row["suggested_value"]:
        console.print(f"suggested: {row['suggested_value']} (× {row['suggested_factor']})")
    for said in row["evidence"]:
        console.print(f"  {said['bans']:+.1f}  {escape(said['detector'])}: {escape(said['says'])}")
    console.print(row["link"])
    if row["note"] or row["reviewer"]:
        console.print(f"{row['status']} by {escape(row['reviewer'])}: {escape(row['note'])}")


@app.command()
def duplicates(
    store: Clean = CLEAN,
    limit: Annotated[int, typer.Option(help="How many to print.")] = 50,
) -> None:
    """Values left out because the same filing gives the fact more precisely."""
    with Store.open(store, read_only=True) as opened:
        found = read_duplicates(opened.engine)
    table = Table("fact", "stands", "left out", "because it is")
    for twice in found[:limit]:
        table.add_row(escape(str(twice.fact)), f"{twice.value:,f}", f"{twice.other:,f}", twice.why)
    console = Console()
    console.print(table)
    console.print(f"{min(limit, len(found))} of {len(found)}")


@app.command()
def accept(
    fact: Fact,
    reviewer: Reviewer,
    note: Note = "",
    store: Clean = CLEAN,
    reviews: Reviews = REVIEWS,
) -> None:
    """The value is right: use it from the next run on."""
    _decide(Decision.ACCEPT, fact, None, reviewer, note, store, reviews)


@app.command()
def correct(
    fact: Fact,
    reviewer: Reviewer,
    value: Annotated[str, typer.Option(help="The right value; else the suggested one.")] = "",
    note: Note = "",
    store: Clean = CLEAN,
    reviews: Reviews = REVIEWS,
) -> None:
    """The value is wrong: use another one from the next run on, marked as corrected."""
    row = _named(_quarantine(store), fact)
    corrected = value.replace(",", "") or row["suggested_value"]
    if not corrected:
        raise LedgerlineError(f"{fact}: no value is suggested; give one with --value")
    try:
        number = Decimal(corrected)
    except InvalidOperation:
        raise LedgerlineError(f"{value!r} is not a number; write it out, as 104000000000") from None
    _decide(Decision.CORRECT, fact, number, reviewer, note, store, reviews)


@app.command()
def reject(
    fact: Fact,
    reviewer: Reviewer,
    note: Note = "",
    store: Clean = CLEAN,
    reviews: Reviews = REVIEWS,
) -> None:
    """The fact is not to be used, now or after another ingest."""
    _decide(Decision.REJECT, fact, None, reviewer, note, store, reviews)


def _decide(
    decision: Decision,
    fact: str,
    corrected: Decimal | None,
    reviewer: str,
    note: str,
    store: Path,
    reviews: Path,
) -> None:
    row = _named(_quarantine(store), fact)
    identity: Identity = row_identity(row)
    review = Review(
        fact=identity,
        decision=decision,
        value=row["value"],
        corrected=corrected,
        reviewer=reviewer,
        decided=date.today(),
        note=note,
    )
    write_reviews(reviews, decide(read_reviews(reviews), review))
    Console(highlight=False, soft_wrap=True).print(
        f"{escape(str(identity))}: {decision.value}"
        + (f" to {corrected:f}" if corrected is not None else "")
        + f", in {escape(os.fspath(reviews))}; commit it, and run the stage validate."
    )


def _quarantine(store: Path) -> list[dict[str, Any]]:
    with Store.open(store, read_only=True) as opened:
        return read_quarantine(opened.engine)


def _named(rows: Sequence[dict[str, Any]], fact: str) -> dict[str, Any]:
    """The one row whose identity is, or holds, `fact`."""
    exact = [row for row in rows if str(row_identity(row)) == fact]
    near = exact or [row for row in rows if fact in str(row_identity(row))]
    if len(near) == 1:
        return near[0]
    if not near:
        raise LedgerlineError(f"{fact!r} is not in quarantine; see `ledgerline quarantine list`")
    listed = "".join(f"\n  {row_identity(row)}" for row in near[:5])
    raise LedgerlineError(f"{fact!r} names {len(near)} facts; say more:{listed}")
