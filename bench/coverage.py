"""For what share of real 10-K filers each of the most common metrics is found, and what is missed.

    python -m bench.coverage [--data ../shared/data] [--folder /tmp/ledgerline-bench] [--rows]

Each 10-K filer of the Financial Statement Data Set of 2010's first quarter is asked by search for
the fiscal year that its 10-K reports. Prints a table by metric and 20 misses drawn by seed; with
--rows also the filing's own rows that come nearest to what was asked, to be read by a person.
docs/filings.md explains each of the 20.
"""

import argparse
import random
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
from rapidfuzz import fuzz

from ledgerline.filings.calendars import fiscal_year_of
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.ingest import IngestSettings, ingest
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Hit, Search
from ledgerline.filings.store import Store

COMMON = (
    "revenue", "net_income", "total_assets", "stockholders_equity", "operating_cash_flow",
    "cash_and_equivalents", "income_tax_expense", "retained_earnings", "investing_cash_flow",
    "financing_cash_flow", "eps_diluted", "eps_basic", "ppe_net", "total_liabilities",
    "current_assets", "current_liabilities", "capex", "interest_expense", "goodwill",
    "operating_income",
)  # fmt: skip
SAMPLE = 20
SEED = 2010


@dataclass(frozen=True)
class Asked:
    """A metric of a 10-K filer in the fiscal year that its 10-K reports, which ends on `end`."""

    cik: int
    metric: str
    year: Period
    end: date


def filed_years(filings: pd.DataFrame, search: Search) -> dict[int, tuple[Period, date]]:
    """Each 10-K filer's cik with the fiscal year that it reports, and when that ended."""
    years = {}
    for cik, filed in filings.groupby("cik")["filed"].max().items():
        previous, end = search.calendar(int(cik)).end_of_year(filed.date())
        ended = end if end <= filed.date() else previous
        years[int(cik)] = (Period(fiscal_year_of(ended), Span.FY), ended)
    return years


def print_table(search: Search, years: dict[int, tuple[Period, date]]) -> list[Asked]:
    """Print the share found by metric; returns the misses."""
    misses = []
    print(f"10-K filers of 2010q1: {len(years)}\n")
    print("| metric | companies | share |\n| --- | ---: | ---: |")
    for name in COMMON:
        metric = search.catalogue.get(name)
        missed = [
            Asked(cik, name, year, end)
            for cik, (year, end) in years.items()
            if not isinstance(search(f"CIK {cik}", metric.display, year.label), Hit)
        ]
        found = len(years) - len(missed)
        print(f"| {metric.display} | {found} | {found / len(years):.1%} |", flush=True)
        misses += missed
    return misses


def rows_of(filings: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """What the filer's 10-K tells of the year's end, and of the year up to it."""
    rows = filings[filings["cik"] == asked.cik]
    rows = rows[(rows["end"] - pd.Timestamp(asked.end)).abs() <= pd.Timedelta(days=20)]
    days = (rows["end"] - rows["start"]).dt.days
    return rows[rows["start"].isna() | (days > 340)]


def reports(filings: pd.DataFrame, asked: Asked, metric: Metric) -> bool:
    """Whether the 10-K has a row of the metric's tags, so that the miss is search's fault."""
    rows = rows_of(filings, asked)
    tags = rows["taxonomy"].astype(str) + ":" + rows["tag"].astype(str)
    return bool((tags.isin(metric.tags) & (rows["start"].notna() == metric.flow)).any())


def nearest_rows(filings: pd.DataFrame, asked: Asked, metric: Metric) -> list[str]:
    """The year's rows in the 10-K, those whose tags are likest to the metric's first."""
    wanted = [words(tag.partition(":")[2]) for tag in metric.tags]
    rows = {}
    for row in rows_of(filings, asked).itertuples():
        text = f"{row.taxonomy}:{row.tag} to {row.end:%Y-%m-%d}: {row.value_text} {row.unit}"
        rows[text] = max(fuzz.token_set_ratio(words(row.tag), tag) for tag in wanted)
    return sorted(rows, key=lambda text: -rows[text])[:8]


def words(tag: str) -> str:
    return "".join(f" {c}" if c.isupper() else c for c in tag)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/ledgerline-bench"))
    parser.add_argument("--rows", action="store_true")
    arguments = parser.parse_args()
    quarter = arguments.folder / "2010q1"
    quarter.mkdir(parents=True, exist_ok=True)
    link = quarter / "2010q1.zip"
    link.unlink(missing_ok=True)
    link.symlink_to((arguments.data / "fsds" / "2010q1.zip").resolve())
    settings = IngestSettings.model_validate(
        {"sources": [{"kind": "files", "folder": quarter}], "on_bad_file": "stop"}
    )
    ingest(settings, arguments.folder / "2010q1.sqlite")
    with Store.open(arguments.folder / "2010q1.sqlite", read_only=True) as store:
        search = Search(store)
        filings = store.frame(where="filing.form = '10-K'")
        misses = print_table(search, filed_years(filings, search))
        faults = [a for a in misses if reports(filings, a, search.catalogue.get(a.metric))]
        print(f"\n{len(misses)} misses; the 10-K has a row of the metric's tags in {len(faults)}")
        for asked in faults:
            print(f"  {asked}")
        print(f"\n{SAMPLE} of the misses, drawn with seed {SEED}\n")
        for number, asked in enumerate(random.Random(SEED).sample(misses, SAMPLE), start=1):
            metric = search.catalogue.get(asked.metric)
            company = search.directory.companies[asked.cik]
            print(
                f"{number}. {company.name} (CIK {asked.cik}): {metric.display}, {asked.year.label}"
            )
            if arguments.rows:
                for row in nearest_rows(filings, asked, metric):
                    print(f"     {row}")


if __name__ == "__main__":
    main()
