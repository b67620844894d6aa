"""Search: the figure that a company, a metric and a period in people's words name."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache
from itertools import islice
from typing import Literal

from rapidfuzz import fuzz, process

from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.chatter import without_chatter
from ledgerline.filings.directory import Directory
from ledgerline.filings.facts import Company
from ledgerline.filings.period_words import Ending, Named, Reading, Relative, read_period
from ledgerline.filings.periods import Period, Span, end_of_month
from ledgerline.filings.reckoning import Reckoning, metrics_in, read_reckoning
from ledgerline.filings.series import Figure, Series, balance_period
from ledgerline.filings.statements import Statements
from ledgerline.filings.store import Store

__all__ = ["Figure", "Hit", "Miss", "Search"]

Argument = Literal["company", "metric", "period"]
_REMEMBERED = 100_000
"""Calls kept answered; a rollout's nonsense must not fill the memory."""
_QUARTERS_IN = {Span.Q1: 1, Span.H1: 2, Span.Q2: 2, Span.M9: 3, Span.Q3: 3, Span.FY: 4, Span.Q4: 4}
"""With which quarter each part of a year ends."""
_LONGEST_PERIOD = 160
"""Characters of a period with the words of a sentence around it."""


_Measures = tuple[None, Metric] | tuple[Reckoning, Metric, Metric]
"""How to reckon what is asked for, and of which metrics; of one metric that one twice."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A figure was found; `of` are the two it was reckoned from, if it was."""

    figure: Figure
    of: tuple[Figure, ...] = ()

    @property
    def filed(self) -> tuple[Figure, ...]:
        """The figures that it rests on."""
        return self.of or (self.figure,)


@dataclass(frozen=True)
class Miss:
    """No figure: which argument failed, and why."""

    argument: Argument
    message: str
    _find_near: Callable[[], tuple[str, ...]] = field(repr=False, compare=False)

    @cached_property
    def near(self) -> tuple[str, ...]:
        """The nearest known names; looked for when asked, as that takes longer than to miss."""
        return self._find_near()


class Search(Statements):
    """Answers `search(company, metric, period)` from a store; everything is cached.

    With `as_of`, only filings made by then are seen, and relative periods ("last year") count
    from it; without, the latest filings are, and relative periods count from the company's
    last one. Arguments are data: none of them reaches SQL.
    """

    def __init__(self, store: Store, catalogue: Catalogue | None = None):
        super().__init__(store, catalogue or Catalogue.load())
        self.directory = Directory(self.companies.values())
        self._calls = lru_cache(_REMEMBERED)(self._answer)

    def __call__(
        self, company: str, metric: str, period: str, as_of: date | None = None
    ) -> Hit | Miss:
        """The figure that the three arguments name, or the miss that says which of them failed."""
        return self._calls(company, metric, period, as_of)

    def knows(self, argument: Argument, text: str) -> bool:
        """Whether `text` is some company, metric or period, whatever there is of it."""
        return self._read(argument, text) is not None

    def alike(self, argument: Argument, one: str, other: str) -> bool:
        """Whether two texts for an argument say the same."""
        if one.casefold() == other.casefold():
            return True
        read = self._read(argument, one)
        return read is not None and read == self._read(argument, other)

    def _read(self, argument: Argument, text: str) -> Company | _Measures | Reading | None:
        if argument == "company":
            filer = self.directory.resolve(text)
            return filer if isinstance(filer, Company) else None
        if argument == "metric":
            return self._measures(text)
        with suppress(ValueError):
            return _reading(text)
        return None

    def _answer(self, company: str, metric: str, period: str, as_of: date | None) -> Hit | Miss:
        filer = self.directory.resolve(company)
        if not isinstance(filer, Company):
            names = filer
            what = "may be one of several companies" if names else "is no known company"
            return Miss("company", f"{_quoted(company)} {what}.", lambda: names)
        measures = self._measures(metric)
        if measures is None:
            message = f"{_quoted(metric)} is no known metric."
            unknown = [part for part in metrics_in(metric) if self.catalogue.named(part) is None]
            return Miss("metric", message, lambda: self.catalogue.near((unknown or [metric])[0]))
        try:
            reading = _reading(period)
        except ValueError:
            message = f"{_quoted(period)} is no known period."
            measure = measures[1]
            return Miss("period", message, lambda: self._labels(filer.cik, measure, as_of, None))
        return self._looked_up(filer, measures, period, reading, as_of)

    def _looked_up(
        self,
        filer: Company,
        measures: _Measures,
        period: str,
        reading: Reading,
        as_of: date | None,
    ) -> Hit | Miss:
        """What is filed or reckoned for the `period` of that `reading`."""
        reckoning, measure, *_ = measures
        series = self.versions(filer.cik, measure.name)
        if not series:
            message = f"{filer.name} reports no {measure.display}."
            return Miss("metric", message, lambda: self._reported_like(filer.cik, measure))
        figure = self._pick(filer.cik, measure, series, reading, as_of)
        if figure is None:
            wanted = reading.period.label if isinstance(reading, Named) else _quoted(period)
            message = f"{filer.name} has no {measure.display} for {wanted}."
            return Miss("period", message, lambda: self._labels(filer.cik, measure, as_of, reading))
        if reckoning is None:
            return Hit(figure)
        return self._reckoned(reckoning, figure, measures[-1], as_of)

    def _measures(self, text: str) -> _Measures | None:
        """What `text` asks for: how to reckon it, if at all, and the metrics."""
        named = self.catalogue.exactly(text)
        read = None if named else read_reckoning(text)
        if read is None:
            named = named or self.catalogue.named(text)
            return (None, named) if named else None
        reckoning, names = read
        metrics = [self.catalogue.named(name) for name in names if not read_reckoning(name)]
        known = [metric for metric in metrics if metric is not None]
        return (reckoning, known[0], known[-1]) if len(known) == len(names) else None

    def _reckoned(
        self, reckoning: Reckoning, first: Figure, other: Metric, as_of: date | None
    ) -> Hit | Miss:
        """What `first` and another figure yield: of the year before, or of `other`."""
        period = first.period.prior if reckoning.metrics == 1 else first.period
        series = self.versions(first.cik, other.name)
        second = self._pick(first.cik, other, series, Named(period), as_of) if series else None
        if second is None:
            message = f"{first.company} has no {other.display} for {period.label}."
            at_fault: Argument = "period" if reckoning.metrics == 1 else "metric"
            return Miss(at_fault, message, lambda: ())
        shown = reckoning.display.format(first.metric_display, second.metric_display)
        found = reckoning.reckon((first.value, first.unit), (second.value, second.unit))
        if found is None:
            message = f"{first.company}'s figures for {first.period.label} give no {shown}."
            return Miss("metric", message, lambda: (first.metric_display,))
        value, unit = found
        names = (first.metric, second.metric)
        if reckoning.metrics == 1:
            names = (first.period.label, second.period.label)
        latest = max(first, second, key=lambda figure: figure.filed)
        figure = replace(
            first,
            value=value,
            unit=unit,
            metric_display=shown,
            accession=latest.accession,
            form=latest.form,
            filed=latest.filed,
            derived=reckoning.note.format(*names),
            restated=first.restated or second.restated,
            corrected=first.corrected or second.corrected,
        )
        return Hit(figure, (first, second))

    def _pick(
        self, cik: int, metric: Metric, series: Series, reading: Reading, as_of: date | None
    ) -> Figure | None:
        if isinstance(reading, Ending):
            return _ending(metric, series, reading, as_of)
        period = (
            reading.period
            if isinstance(reading, Named)
            else self._relative(cik, series, reading, as_of)
        )
        if not metric.flow:
            period = balance_period(period)
        versions = series.find(period)
        return versions.at(as_of) if versions else None

    def _relative(self, cik: int, series: Series, reading: Relative, as_of: date | None) -> Period:
        day = as_of or max(versions.figures[-1].end for versions in series.values())
        last = self.calendar(cik).completed(day)
        if reading.unit == "year":
            year = last.fiscal_year - (0 if last.span is Span.Q4 else 1) - reading.back
            return Period(year, reading.span or Span.FY)
        period = last
        for _ in range(reading.back):
            period = period.preceding
        if reading.back < 0:
            following = {"Q1": Span.Q2, "Q2": Span.Q3, "Q3": Span.Q4}.get(period.span.value)
            year = period.fiscal_year + (0 if following else 1)
            period = Period(year, following or Span.Q1)
        return Period(period.fiscal_year - reading.years_back, period.span)

    def _labels(
        self, cik: int, metric: Metric, as_of: date | None, reading: Reading | None
    ) -> tuple[str, ...]:
        """Labels of the periods that can be had, nearest to the one asked for first."""
        series = self.versions(cik, metric.name)

        def distance(period: Period) -> tuple[object, ...]:
            year, span, end = period.fiscal_year, period.span, _QUARTERS_IN[period.span]
            if not isinstance(reading, Named):
                return -year, -end, span
            wanted = reading.period
            return span is not wanted.span, abs(year - wanted.fiscal_year), -year, end, span

        ranked = sorted(series.candidates, key=distance)
        known = (p.label for p in ranked if (made := series.find(p)) and made.at(as_of))
        return tuple(islice(known, 5))

    def _reported_like(self, cik: int, metric: Metric) -> tuple[str, ...]:
        """Names of reported metrics, likest to `metric` first."""
        displays = {name: self.catalogue.get(name).display for name in self.possible_metrics(cik)}
        ranked = process.extract(metric.display, displays, scorer=fuzz.WRatio, limit=None)
        reported = (display for display, _, name in ranked if self.versions(cik, name))
        return tuple(islice(reported, 5))


def _reading(period: str) -> Reading:
    """What period is named, be it with words of a sentence around it."""
    try:
        return read_period(period)
    except ValueError:
        for form in without_chatter(period) if len(period) <= _LONGEST_PERIOD else ():
            with suppress(ValueError):
                return read_period(form)
        raise


def _ending(metric: Metric, series: Series, reading: Ending, as_of: date | None) -> Figure | None:
    """The figure whose period ends on (about) the date that was written."""
    try:
        day = (
            date(reading.year, reading.month, reading.day)
            if reading.day
            else end_of_month(reading.year, reading.month)
        )
    except ValueError:
        return None
    lengths = {
        3: (Span.Q1, Span.Q2, Span.Q3, Span.Q4),
        6: (Span.H1,),
        9: (Span.M9,),
        12: (Span.FY,),
    }
    # A bare date means the year for a flow if one ends there, and else the quarter.
    spans = (Span.FY, *lengths[3]) if reading.months is None else lengths.get(reading.months, ())
    if not metric.flow:
        spans = (Span.FY, *lengths[3])
    within = timedelta(days=7)
    near = [
        (abs(figure.end - day), spans.index(period.span), figure)
        for period in series.candidates
        # A fiscal year is named by a day at most a year after the end of any of its parts.
        if period.span in spans
        and abs(period.fiscal_year - day.year) <= 1
        and (versions := series.find(period)) is not None
        and (figure := versions.at(as_of)) is not None
        and abs(figure.end - day) <= within
    ]
    if not near:
        return None
    return min(near, key=lambda item: (item[1] if metric.flow else 0, item[0], item[1]))[2]


def _quoted(argument: str) -> str:
    shown = "".join(c if c.isprintable() else "·" for c in argument[:60])
    return f'"{shown}"' + ("…" if len(argument) > 60 else "")
