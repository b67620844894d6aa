"""SEC Financial Statement Data Sets, and Financial Statement and Notes, quarter by quarter.

Values are of the whole company only: rows with `segments` (or a dimension hash) or a
co-registrant are set aside and counted. Submissions that a later one superseded (`prevrpt`)
are kept, and marked. `ddate` is a month's end and `qtrs` whole quarters, so starts and
ends are too.
"""

import csv
import io
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from ledgerline.filings.companyfacts import BadFileError
from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.periods import checked_day, end_of_month
from ledgerline.filings.spelling import display_name

SEGMENTS = "not the whole company (segments)"
COREGISTRANT = "not the whole company (co-registrant)"
_ROWS = 250_000
"""Rows of num.txt held at once."""
PER_SHARE = re.compile(r"Per(?:[A-Z][a-z]*)*?(?:Share|Unit)")
"""In a tag's name: PerShare, PerBasicUnit; not PeriodValueShareBasedCompensation."""
_PARENT = "ParentCompany"
_NO_DIMENSION = ("", "0x00000000")
_TAXONOMIES = {"ifrs": "ifrs-full"}
csv.field_size_limit(1 << 24)


@dataclass(frozen=True, slots=True)
class _Submission:
    company: Company
    form: str
    filed: date
    superseded: bool


def is_data_set(names: list[str]) -> bool:
    """Whether a zip with entries `names` claims to be a data set."""
    bases = {Path(name).stem for name in names}
    return bool(bases & {"sub", "num", "pre"})


def read_data_set(path: Path) -> Iterator[tuple[Company, list[Fact], Counter[str]]]:
    """Each company's facts, in batches of bounded memory, with rows set aside by reason.

    A company may come more than once, and so may a fact: the notes tell one several times,
    rounded. Reasons that belong to no company come with the
    first.

    Raises:
        BadFileError: a table is missing, truncated, or without a column that it must have.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).stem: name for name in archive.namelist()}
            for table in ("sub", "num"):
                if table not in names:
                    raise BadFileError(f"no {table}.txt in it; download the data set again")
            submissions = dict(_submissions(archive, names["sub"]))
            per_share = _per_share_tags(archive, names.get("tag"))
            yield from _companies(archive, names["num"], submissions, per_share)
    except (zipfile.BadZipFile, EOFError, OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFileError(f"truncated or not a zip ({error})") from None
    except (ValueError, IndexError) as error:
        raise BadFileError(f"a submission can't be read ({error})") from None


_COLUMNS = {
    "sub": ("adsh", "cik", "name", "sic", "fye", "form", "filed", "prevrpt"),
    "num": ("adsh", "tag", "version", "ddate", "qtrs", "uom", "coreg", "value"),
    "tag": ("tag", "datatype"),
}


def _table(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[dict[str, int], list[str]]]:
    with archive.open(name) as raw:
        lines = csv.reader(
            io.TextIOWrapper(raw, "utf-8", newline=""), delimiter="\t", quoting=csv.QUOTE_NONE
        )
        header = next(lines, None)
        if header is None:
            raise BadFileError(f"{name} is empty")
        columns = {column: position for position, column in enumerate(header)}
        missing = [c for c in _COLUMNS[Path(name).stem] if c not in columns]
        if missing:
            raise BadFileError(f"{name} lacks the column {', '.join(missing)}")
        for line in lines:
            yield columns, line


def _submissions(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[str, _Submission]]:
    for at, line in _table(archive, name):
        former = line[at["former"]] if "former" in at else ""
        company = Company(
            cik=int(line[at["cik"]]),
            name=display_name(line[at["name"]]),
            former_names=(display_name(former),) if former else (),
            sic=line[at["sic"]],
            fiscal_year_end=line[at["fye"]].zfill(4) if line[at["fye"]] else "",
            source="fsds",
        )
        yield (
            line[at["adsh"]],
            _Submission(
                company,
                line[at["form"]],
                _date(line[at["filed"]]),
                line[at["prevrpt"]] == "1",
            ),
        )


def _per_share_tags(archive: zipfile.ZipFile, name: str | None) -> frozenset[str]:
    if name is None:
        return frozenset()
    rows = _table(archive, name)
    return frozenset(
        line[at["tag"]] for at, line in rows if line[at["datatype"]].lower() == "pershare"
    )


class _Batch:
    """Facts by company; rows set aside, by reason."""

    def __init__(self) -> None:
        self.facts: dict[int, list[Fact]] = defaultdict(list)
        self.aside: Counter[str] = Counter()
        self.size = 0

    def add(self, fact: Fact) -> None:
        self.facts[fact.cik].append(fact)
        self.size += 1

    def emptied(
        self, companies: dict[int, Company]
    ) -> Iterator[tuple[Company, list[Fact], Counter[str]]]:
        aside, self.aside = self.aside, Counter()
        for cik in sorted(self.facts):
            yield companies[cik], self.facts[cik], aside
            aside = Counter()
        self.aside += aside
        self.facts.clear()
        self.size = 0


def _companies(
    archive: zipfile.ZipFile,
    name: str,
    submissions: dict[str, _Submission],
    per_share: frozenset[str],
) -> Iterator[tuple[Company, list[Fact], Counter[str]]]:
    companies = {found.company.cik: found.company for found in submissions.values()}
    batch = _Batch()
    # In a filing of several registrants the whole group stands under ParentCompany; in any other
    # that is the parent alone. The balance-sheet total of the group tells which it is.
    parents: list[Fact] = []
    consolidated: set[str] = set()
    for at, line in _table(archive, name):
        try:
            fact, reason = _fact(at, line, submissions, per_share)
        except (ValueError, IndexError, InvalidOperation) as error:
            fact, reason = None, f"row can't be read ({type(error).__name__})"
        if fact is None:
            batch.aside[reason] += 1
        elif reason:
            parents.append(fact)
        else:
            batch.add(fact)
            if fact.tag == "Assets":
                consolidated.add(fact.accession)
            if batch.size >= _ROWS:
                yield from batch.emptied(companies)
    for fact in parents:
        if fact.accession in consolidated:
            batch.aside[COREGISTRANT] += 1
        else:
            batch.add(fact)
    yield from batch.emptied(companies)


def _fact(
    at: dict[str, int],
    line: list[str],
    submissions: dict[str, _Submission],
    per_share: frozenset[str],
) -> tuple[Fact | None, str]:
    """The row's fact with the registrant that it names ("" or the parent), or None with the
    reason why it is set aside."""
    submission = submissions.get(line[at["adsh"]])
    if submission is None:
        return None, "accession not in sub"
    registrant = line[at["coreg"]]
    segments = line[at["segments"]] if "segments" in at else ""
    if segments not in ("", f"LegalEntity={registrant};") or (
        "dimh" in at and line[at["dimh"]] not in _NO_DIMENSION
    ):
        return None, SEGMENTS
    if registrant not in ("", _PARENT):
        return None, COREGISTRANT
    if not line[at["value"]]:
        return None, "no value"
    tag, unit, quarters = line[at["tag"]], line[at["uom"]], int(line[at["qtrs"]])
    if len(unit) == 3 and unit.isupper() and (tag in per_share or PER_SHARE.search(tag)):
        unit = f"{unit}/shares"
    end = _date(line[at["ddate"]])
    return (
        Fact(
            submission.company.cik,
            line[at["adsh"]],
            _taxonomy(line[at["version"]]),
            tag,
            unit,
            _start(end, quarters) if quarters else None,
            end,
            _exact(line[at["value"]]),
            submission.form,
            submission.filed,
            submission.superseded,
        ),
        registrant,
    )


def _exact(text: str) -> Decimal:
    whole, _, fraction = text.partition(".")
    value = Decimal(whole if not fraction.strip("0") else text.rstrip("0"))
    if not value.is_finite():
        raise ValueError(text)
    return value


@lru_cache(maxsize=10_000)
def _taxonomy(version: str) -> str:
    family, slash, _ = version.partition("/")
    return _TAXONOMIES.get(family, family) if slash else "custom"


@lru_cache(maxsize=100_000)
def _date(text: str) -> date:
    return checked_day(date(int(text[:4]), int(text[4:6]), int(text[6:8])))


@lru_cache(maxsize=100_000)
def _start(end: date, quarters: int) -> date:
    """The first day of the `quarters` that end with the month of `end`."""
    months = end.year * 12 + end.month - 1 - 3 * quarters
    return date.fromordinal(end_of_month(months // 12, months % 12 + 1).toordinal() + 1)
