"""Commands about filings: `facts`, `facts-update` and `facts-upgrade`."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledgerline.errors import LedgerlineError
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.edgar import EdgarSettings
from ledgerline.filings.facts import Company
from ledgerline.filings.ingest import update
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Search
from ledgerline.filings.series import Figure, Versions
from ledgerline.filings.store import Store
from ledgerline.filings.upgrade import upgrade

_STORE = "data/clean/facts.sqlite"
_FETCHED = Path("data/edgar")


def facts(
    company: Annotated[str, typer.Argument(help="Ticker, name or CIK.")],
    metric: Annotated[
        str | None, typer.Option(help="What to show; without it, what there is to show.")
    ] = None,
    store: Annotated[str, typer.Option(help="Store of facts: a path, or a URL.")] = _STORE,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As known on that day.")
    ] = None,
    years: Annotated[bool, typer.Option(help="Fiscal years only.")] = False,
) -> None:
    """Show a company's figures of one metric, with accession and restatements."""
    with Store.open(store, read_only=True) as opened:
        search = Search(opened)
        filer = search.directory.resolve(company)
        if not isinstance(filer, Company):
            raise LedgerlineError(f"{company!r} is no company here{_near(filer)}")
        if metric is None:
            Console().print(_metrics(search, filer))
            return
        measure = search.catalogue.resolve(metric)
        if not isinstance(measure, Metric):
            raise LedgerlineError(f"{metric!r} is no metric of the catalogue{_near(measure)}")
        shown = _figures(search, filer, measure, as_of.date() if as_of else None, years)
    Console().print(shown)


def facts_upgrade(
    store: Annotated[str, typer.Argument(help="Store of facts: a path, or a URL.")],
) -> None:
    """Bring a store of an older version to the present one."""
    before, after = upgrade(store)
    Console().print(f"{escape(store)}: revision {before or 'none'} → {after}")


def facts_update(
    store: Annotated[str, typer.Argument(help="Store of facts: a path, or a URL.")],
    companies: Annotated[list[str], typer.Argument(help="Tickers or CIKs.")],
    identity: Annotated[
        str, typer.Option(envvar="EDGAR_IDENTITY", help="Who asks: 'Name address@domain'.")
    ],
    folder: Annotated[Path, typer.Option(help="Keeps what was fetched.")] = _FETCHED,
) -> None:
    """Add to a store what companies filed with EDGAR since its newest filing of each."""
    settings = EdgarSettings(identity=identity, companies=tuple(companies), folder=folder)
    result = update(settings, store)
    Console().print(
        f"{escape(store)}: {result.facts:,} new facts of {result.companies.total()} companies; "
        f"set aside: {result.rows_aside.total():,} rows, {len(result.files_aside)} companies"
    )
    for origin, reason in sorted(result.files_aside.items()):
        Console().print(f"  {escape(origin)}: {escape(reason)}")


def _near(names: tuple[str, ...]) -> str:
    return f"; near: {', '.join(names)}" if names else ""


def _metrics(search: Search, company: Company) -> Table:
    table = Table(title=f"{escape(company.name)} · CIK {company.cik}", title_justify="left")
    for heading in ("Metric", "Called also", "Periods", "From", "To"):
        table.add_column(heading)
    for name in search.metrics_of(company.cik):
        metric = search.catalogue.get(name)
        periods = list(search.series(company.cik, name))
        also = ", ".join(metric.aliases[:3])
        table.add_row(metric.display, also, str(len(periods)), periods[0].label, periods[-1].label)
    return table


def _figures(
    search: Search, company: Company, metric: Metric, as_of: date | None, years: bool
) -> Table:
    versions = search.versions(company.cik, metric.name)
    figures = search.series(company.cik, metric.name, as_of)
    rows = [
        (period, figure)
        for period, figure in figures.items()
        if not years or period.span is Span.FY
    ]
    if not rows:
        known = f" filed by {as_of}" if as_of else ""
        raise LedgerlineError(f"{company.name} has no {metric.display}{known}")
    table = Table(title=f"{escape(company.name)} · {metric.display}", title_justify="left")
    for heading in ("Period", "Ended", "Figure", "Value", "Accession", "Form", "Filed", "Notes"):
        table.add_column(heading, justify="right" if heading in ("Figure", "Value") else "left")
    for period, figure in rows:
        table.add_row(
            period.label,
            str(figure.end),
            figure.text,
            f"{figure.value:,f} {figure.unit}",
            figure.accession,
            figure.form,
            str(figure.filed),
            _notes(period, figure, versions[period]),
        )
    return table


def _notes(period: Period, figure: Figure, versions: Versions) -> str:
    notes = []
    if figure.derived:
        notes.append(figure.derived)
    if figure.restated:
        first = versions.as_filed
        ratio = versions.split if figure is versions.figures[-1] else None
        why = f"{ratio.numerator}-for-{ratio.denominator} split" if ratio else "restated"
        notes.append(f"{why}; first {first.text} ({first.accession})")
    if figure.corrected:
        notes.append("corrected")
    if period.span in (Span.H1, Span.M9):
        notes.append("year to date")
    return "; ".join(notes)
