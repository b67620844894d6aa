"""A company's figures of one metric, by period, in every version that was filed."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

from ledgerline.filings.calendars import NEAR, Labels, day_of
from ledgerline.filings.catalogue import Metric
from ledgerline.filings.figures import render
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.splits import split_ratio

_ROUNDING = Decimal("0.001")
"""Up to this share of a value, fewer digits are rounding and not a restatement."""
_UNIT_PATTERNS = {
    "money": re.compile(r"[A-Z]{3}"),
    "per_share": re.compile(r"[A-Z]{3}/shares"),
    "shares": re.compile(r"shares"),
    "ratio": re.compile(r"pure"),
    "multiple": re.compile(r"pure"),
}
_BALANCE_SPAN = {Span.Q4: Span.FY, Span.H1: Span.Q2, Span.M9: Span.Q3}


class Filing(NamedTuple):
    """What search needs to know of a filing."""

    accession: str
    form: str
    filed: date


Row = tuple[int, str, date | str | None, date | str, str, int, bool | int]
"""A fact as the store gives it: concept, unit, start, end, value, filing, whether corrected.

A plain tuple, since a company has hundreds, and more is made only of those that are asked for.
"""


@dataclass(frozen=True, slots=True)
class Filer:
    """Whose rows they are, and what stands in them: filings and concepts by number, and dates."""

    cik: int
    name: str
    filings: Mapping[int, Filing]
    concepts: Mapping[int, str]
    labels: Labels


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and where it comes from.

    `value` is exact in whole `unit`s. `accession`, `form` and `filed` are of the filing that
    reported it (of the latest one needed, when derived).
    `derived` says how it was computed, None when it was reported. `restated` tells that an
    earlier filing gave another value, `corrected` that a reviewer mended the reported value.
    """

    cik: int
    company: str
    metric: str
    metric_display: str
    period: Period
    start: date | None
    end: date
    value: Decimal
    unit: str
    accession: str
    form: str
    filed: date
    derived: str | None
    restated: bool
    corrected: bool

    @property
    def text(self) -> str:
        """The value as people write it."""
        return render(self.value, self.unit)


@dataclass(frozen=True, slots=True)
class Versions:
    """All versions of one period's figure, oldest filing first."""

    figures: tuple[Figure, ...]

    def at(self, day: date | None) -> Figure | None:
        """The figure as known on `day` (None: the latest); None when none was filed by then."""
        if day is None:
            return self.figures[-1]
        position = bisect_right(self.figures, day, key=lambda figure: figure.filed)
        return self.figures[position - 1] if position else None

    @property
    def split(self) -> Fraction | None:
        """New shares per old one where a stock split is why the figure was restated."""
        first, last = self.figures[0], self.figures[-1]
        return split_ratio(first.value, last.value, last.unit)

    @property
    def as_filed(self) -> Figure:
        """The figure as it was first filed."""
        return self.figures[0]


class Series(Mapping[Period, Versions]):
    """A metric's figures by period, each made when it is first asked for.

    `candidates` are the only periods that may have one; `make` tells of each, always the same,
    its versions or None.
    """

    def __init__(
        self, candidates: Iterable[Period], make: Callable[[Period], Versions | None]
    ) -> None:
        self.candidates = dict.fromkeys(candidates).keys()
        self._make = make
        self._made: dict[Period, Versions | None] = {}

    def find(self, period: Period) -> Versions | None:
        """The versions of a period's figure, None where there is none."""
        if period not in self._made:
            if period not in self.candidates:
                return None
            self._made[period] = self._make(period)
        return self._made[period]

    def __getitem__(self, period: Period) -> Versions:
        versions = self.find(period)
        if versions is None:
            raise KeyError(period)
        return versions

    def __iter__(self) -> Iterator[Period]:
        return (period for period in self.candidates if self.find(period) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None


def balance_period(period: Period) -> Period:
    """Where a balance "at" `period` stands: Q4 is the year's end, nine months the third quarter."""
    return Period(period.fiscal_year, _BALANCE_SPAN.get(period.span, period.span))


def reported(rows: Iterable[Row], metric: Metric, filer: Filer) -> Series:
    """The reported figures of `metric` among `rows`, each period with all its versions.

    Of several currencies the one most used stands. See catalogue.py for the rule by which one
    of several tags speaks.
    """
    pattern = _UNIT_PATTERNS[metric.unit_kind]
    fitting = [row for row in rows if (row[2] is not None) is metric.flow]
    units = Counter(row[1] for row in fitting)
    # Sorted, so that of two used alike the same one stands in whatever order they are read.
    used = (unit for unit, _ in sorted(units.items(), key=lambda item: (-item[1], item[0])))
    unit = next(filter(pattern.fullmatch, used), None)
    covers = {tag for tag in {row[0] for row in fitting} if filer.concepts[tag].startswith("dei:")}
    grouped: dict[Period, list[Row]] = defaultdict(list)
    for row in fitting:
        concept, row_unit, start, end, _, filing, _ = row
        if row_unit != unit:
            continue
        period = _cover_period(filer.filings[filing], filer) if concept in covers else None
        period = period or filer.labels[start, end]
        if period is not None:
            grouped[period].append(row)
    shown_unit = "x" if metric.unit_kind == "multiple" else unit or ""
    return Series(
        grouped, lambda period: _versions(grouped[period], period, metric, shown_unit, filer)
    )


def _cover_period(filing: Filing, filer: Filer) -> Period | None:
    """Cover-page data belong to the period that their filing reports, whatever their date.

    A report may come late: the last year or quarter that was over is meant, of its kind.
    """
    if not filing.form.startswith(("10-", "20-F", "40-F")):
        return None
    period = filer.labels.calendar.completed(filing.filed)
    if filing.form.startswith("10-Q"):
        return Period(period.fiscal_year, Span.Q3) if period.span is Span.Q4 else period
    return Period(period.fiscal_year - (period.span is not Span.Q4), Span.FY)


def _versions(
    found: list[Row], period: Period, metric: Metric, unit: str, filer: Filer
) -> Versions:
    found = _at_one_date(found, filer)
    # In one filing the most preferred tag speaks; over time a less preferred never follows.
    placed = sorted(
        (
            (filing := filer.filings[row[5]]).filed,
            filing.accession,
            metric.tags.index(filer.concepts[row[0]]),
            row[3],
            number,
        )
        for number, row in enumerate(found)
    )
    figures: list[Figure] = []
    best = len(metric.tags)
    for filed, accession, place, end, number in placed:
        if place > best or (figures and figures[-1].accession == accession and place >= best):
            continue
        best = place
        _, _, start, _, written, filing_number, corrected = found[number]
        value = Decimal(written)
        if figures and _rounds(value, figures[-1].value):
            continue
        figures.append(
            Figure(
                cik=filer.cik,
                company=filer.name,
                metric=metric.name,
                metric_display=metric.display,
                period=period,
                start=None if start is None else day_of(start),
                end=day_of(end),
                value=value,
                unit=unit,
                accession=accession,
                form=filer.filings[filing_number].form,
                filed=filed,
                derived=None,
                restated=bool(figures) and value != figures[0].value,
                corrected=bool(corrected),
            )
        )
    return Versions(tuple(figures))


def _at_one_date(found: list[Row], filer: Filer) -> list[Row]:
    """The rows of a period without balances at another date near its end, such as of what was
    acquired then: those stay that end when most do.
    """
    balances = [
        row for row in found if row[2] is None and not filer.concepts[row[0]].startswith("dei:")
    ]
    ends = Counter(day_of(row[3]) for row in balances)
    if len(ends) < 2:
        return found
    end = max(ends, key=lambda day: (ends[day], -day.toordinal()))
    astray = [row for row in balances if abs((day_of(row[3]) - end).days) > NEAR]
    return [row for row in found if row not in astray]


def _rounds(later: Decimal, earlier: Decimal) -> bool:
    """Whether `later` only tells `earlier` in fewer digits (a filer that turned to millions)."""
    if later == earlier or not earlier or abs(later - earlier) > abs(earlier) * _ROUNDING:
        return False
    _, _, exponent = later.normalize().as_tuple()
    return earlier.quantize(Decimal(1).scaleb(int(exponent)), ROUND_HALF_UP) == later
