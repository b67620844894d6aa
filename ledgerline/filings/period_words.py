"""The words people use for periods."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from ledgerline.filings.periods import Period, Span


@dataclass(frozen=True, slots=True)
class Named:
    """A period by fiscal year and part ("Q3 2022")."""

    period: Period


@dataclass(frozen=True, slots=True)
class Ending:
    """A period by its end ("the nine months ended June 30, 2023").

    `months` is its length, None for a bare date or a balance-sheet date. `day` is None when
    only the month was written.
    """

    year: int
    month: int
    day: int | None
    months: int | None


@dataclass(frozen=True, slots=True)
class Relative:
    """A period counted from a document's date ("last year", "the prior-year quarter").

    `unit` is "year" or "quarter"; `back` counts from the last one completed: 0 is the last
    completed one, -1 the one running at that date.
    `years_back` moves a quarter by whole years ("the year-ago quarter").
    `span` asks for a certain quarter of that year ("the third quarter of last year").
    """

    unit: str
    back: int
    years_back: int = 0
    span: Span | None = None


Reading = Named | Ending | Relative

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_COUNTS = {
    "three": 3, "six": 6, "nine": 9, "twelve": 12, "thirteen": 3, "fourteen": 3,
    "twenty six": 6, "thirty nine": 9, "fifty two": 12, "fifty three": 12,
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = (
    r"(?:(?:f ?y|fiscal(?: year)?|financial year|calendar(?: year)?|cy|year)[\s-]*|f(?=['\d]))?"
    r"(?:'?(?P<year>\d{4}|\d{2})(?!\d)"
    r"|(?P<year_>\d{4})\s?(?:fy|(?:fiscal|financial|calendar)(?: year)?|full year|annual|year))"
)
_LINK = r"[\s/-]*(?:(?:of|in|for|from|during) )?(?:(?:the|its|their|our) )?"


def _quarter(number: int, word: str, ordinals: str) -> str:
    return (
        rf"f?q[\s-]?{number}|f?{number}\s?f?q|(?:{ordinals}|{number}) (?:fiscal )?(?:quarter|qtr|q)"
        rf"|(?:quarter|qtr) (?:{number}|{word})"
    )


_PARTS = {
    Span.Q1: _quarter(1, "one", "first|1st"),
    Span.Q2: _quarter(2, "two", "second|2nd"),
    Span.Q3: _quarter(3, "three", "third|3rd"),
    Span.Q4: _quarter(4, "four", "fourth|4th|final|last"),
    Span.H1: "h1|1h|first half(?: year)?|(?:first )?(?:six|6) months|6m",
    Span.M9: "9m|m9|(?:first )?(?:nine|9) months|first three quarters",
}
_PART = (
    "(?:(?:fiscal|financial|calendar)(?: year)? )?(?:"
    + "|".join(f"(?P<{span}>{words})" for span, words in _PARTS.items())
    + ")"
)
_DATE = rf"(?:(?P<month>{_MONTH})\s+(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?P<year>\d{{4}}))"
_DATE_EU = rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month>{_MONTH})\s+(?P<year>\d{{4}}))"
_DATE_ISO = r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2}))"
_DATE_US = r"(?:(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}))"


def _year(text: str) -> int:
    number = int(text)
    if len(text) == 4:
        return number
    return number + (2000 if number < 70 else 1900)


def _named(match: re.Match[str]) -> Reading:
    return Named(Period(_year(match["year"] or match["year_"]), _span(match) or Span.FY))


def _span(match: re.Match[str]) -> Span | None:
    found = match.groupdict()
    return next((span for span in _PARTS if found.get(span)), None)


def _ending(months: int | None) -> Callable[[re.Match[str]], Reading]:
    def read(match: re.Match[str]) -> Reading:
        month = match["month"]
        groups = match.groupdict()
        day = int(groups["day"]) if groups.get("day") else None
        number = int(month) if month.isdigit() else _MONTHS[month]
        if not 1 <= number <= 12 or (day is not None and not 1 <= day <= 31):
            raise ValueError(f"not a date of a period: {match[0]!r}")
        length = months
        if groups.get("count"):
            length = _months(groups["count"], groups["unit"])
        return Ending(int(match["year"]), number, day, length)

    return read


def _months(count: str, unit: str) -> int:
    number = int(count) if count.isdigit() else _COUNTS[count]
    if unit.startswith("week") and number > 12:
        return round(number * 12 / 52)
    return number


def _relative(unit: str, back: int, years_back: int = 0) -> Callable[[re.Match[str]], Reading]:
    return lambda match: Relative(unit, back, years_back, _span(match))


_LAST_YEAR = (
    r"(?:last|prior|previous|preceding|past)(?:\s(?:completed|full))?"
    r"(?:\s(?:fiscal|financial|calendar))?\syear"
)
_THIS_YEAR = r"(?:this|current|the current)(?:\s(?:fiscal|financial|calendar))?\syear"
_LATEST = r"(?:latest|most recent|most recently completed|last reported|last completed)"
_RULES: tuple[tuple[str, Callable[[re.Match[str]], Reading]], ...] = (
    # By name.
    (_YEAR, _named),
    (rf"(?:full|whole|entire)(?: fiscal)?(?: year)?(?: of)? {_YEAR}", _named),
    (rf"(?:annual|12m|12 months|twelve months) {_YEAR}", _named),
    (rf"(?:end|close) of {_YEAR}", _named),
    (rf"(?:fiscal )?year ?end(?:ed|ing)?(?: of| in)? {_YEAR}", _named),
    (rf"{_YEAR} (?:fiscal )?year ?end", _named),
    (rf"(?:(?:end|close) of (?:the )?)?{_PART}{_LINK}{_YEAR}", _named),
    (rf"{_YEAR}{_LINK}{_PART}", _named),
    # By their end.
    *(
        (rf"(?:{words} )?{form}", _ending(None))
        for words in (
            "(?:as of|as at|at|on|ended|ending|balance at|at the end of|end of|month of)",
        )
        for form in (_DATE, _DATE_EU, _DATE_ISO, _DATE_US)
    ),
    *(
        (rf"{words} (?:ended|ending|to|through|that ended)(?: on)? {form}", _ending(months))
        for words, months in (
            (r"(?:the )?(?:full )?(?:fiscal |financial )?(?:year|fy)", 12),
            (r"(?:the )?(?:fiscal )?(?:quarter|qtr)", 3),
            (r"(?:the )?(?:first )?half(?: year)?", 6),
            (
                r"(?:the )?(?:first |period of )?(?P<count>\d{1,2}|three|six|nine|twelve|thirteen"
                r"|fourteen|twenty six|thirty nine|fifty two|fifty three)\s(?P<unit>months?|weeks?)"
                r"(?: period)?",
                None,
            ),
        )
        for form in (_DATE, _DATE_EU, _DATE_ISO, _DATE_US)
    ),
    (rf"(?P<month>{_MONTH}) (?:\d{{1,2}} )?(?P<year>\d{{4}}) (?:quarter|qtr)", _ending(3)),
    (rf"(?P<month>{_MONTH}) (?:quarter|qtr)(?: of)? (?P<year>\d{{4}})", _ending(3)),
    # Counted from the document's date.
    (_LAST_YEAR, _relative("year", 0)),
    (rf"{_LATEST}(?: fiscal| full| annual)* (?:year|period|annual report)", _relative("year", 0)),
    (r"latest|most recent|ttm year|latest annual", _relative("year", 0)),
    (rf"{_THIS_YEAR}(?: to date)?", _relative("year", -1)),
    (
        r"(?:year before last|two years ago|two years earlier|year before the last)",
        _relative("year", 1),
    ),
    (r"(?:a|one) year (?:ago|earlier|before)", _relative("year", 0)),
    (r"three years ago", _relative("year", 2)),
    (rf"{_LATEST}(?: fiscal| completed)* quarter", _relative("quarter", 0)),
    (r"(?:last|past)(?: fiscal| completed)* quarter", _relative("quarter", 0)),
    (r"(?:this|current)(?: fiscal)? quarter", _relative("quarter", -1)),
    (
        r"(?:prior|previous|preceding|sequential)(?: fiscal)? quarter|quarter before last",
        _relative("quarter", 1),
    ),
    (
        r"(?:prior|previous|last|preceding) year quarter|year ago (?:quarter|period)"
        r"|(?:same|corresponding|comparable|equivalent) (?:quarter|period) (?:of |in )?"
        r"(?:a year ago|a year earlier|(?:the )?(?:last|prior|previous|preceding) year)"
        r"|(?:same|corresponding) (?:quarter|period) (?:one|a) year (?:ago|earlier)"
        r"|quarter a year (?:ago|earlier)",
        _relative("quarter", 0, 1),
    ),
    *(
        (pattern, _relative("year", back))
        for year, back in ((_LAST_YEAR, 0), (_THIS_YEAR, -1))
        for pattern in (rf"{_PART}{_LINK}{year}", rf"{year} {_PART}")
    ),
)
_COMPILED = tuple((re.compile(pattern, re.ASCII), read) for pattern, read in _RULES)


def normalise(text: str) -> str:
    """Lower case, one space between words, no punctuation but that of dates and years."""
    text = text.lower().replace("’", "'").replace("–", "-").replace("−", "-")
    text = re.sub(r"'s\b", "", text)
    text = re.sub(r"[^a-z0-9/'-]+", " ", text)
    # Hyphens stay within ISO dates and turn into spaces elsewhere; so do apostrophes.
    text = re.sub(r"(?<!\d)-|-(?!\d)", " ", text)
    text = re.sub(r"'(?!\d)", " ", text)
    text = re.sub(r"\s+", " ", text).strip()
    previous = None
    while previous != text:
        previous = text
        text = re.sub(
            r"^(?:the|in|for|during|over|of|at the|as of the|at|by|its|their|our|company"
            r"|period|reported|results? for|through) (?=\S)",
            "",
            text,
        )
    return text


@lru_cache(maxsize=50_000)
def read_period(text: str) -> Reading:
    """What period `text` names; "the year before" one that is named is one, too.

    Raises:
        ValueError: it names none, or none that this knows.
    """
    if len(text) > 120:
        raise ValueError("too long for a period")
    normal = normalise(text)
    for words in dict.fromkeys((normal, _bare(normal))):
        for pattern, read in _COMPILED:
            match = pattern.fullmatch(words)
            if match:
                return read(match)
    before = _YEAR_BEFORE.fullmatch(normal)
    if before:
        return _year_before(read_period(before[1]))
    raise ValueError(f"not a period: {text!r}")


YEAR_BEFORE = "the year before"
"""Begins the name of a period by the one a year later."""
_YEAR_BEFORE = re.compile(r"(?:year|12 months|twelve months) before (.+)")


def _year_before(reading: Reading) -> Reading:
    match reading:
        case Named(period):
            return Named(period.prior)
        case Ending(year, month, day):
            # The 29th of February has no like in other years.
            return replace(reading, year=year - 1, day=28 if (month, day) == (2, 29) else day)
        case Relative(unit="year"):
            return replace(reading, back=reading.back + 1)
        case Relative():
            return replace(reading, years_back=reading.years_back + 1)


def _bare(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", words).strip()
