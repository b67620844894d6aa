"""The words people use for periods."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ledgerline.filings.periods import QUARTERS, Period, Span


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
    "one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "nine": 9, "twelve": 12,
    "first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4,
    "final": 4, "last": 4, "13": 3, "26": 6, "39": 9, "52": 12, "53": 12,
    "thirteen": 3, "fourteen": 3, "14": 3, "twenty six": 6, "thirty nine": 9,
    "fifty two": 12, "fifty three": 12, "27": 6, "40": 9,
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?:fy|fiscal year|fiscal|financial year|calendar year|cy|year)?\s*'?(?P<year>\d{4}|\d{2})"
_NTH = r"(?P<nth>first|second|third|fourth|final|last|1st|2nd|3rd|4th|1|2|3|4)"
_DATE = rf"(?:(?P<month>{_MONTH})\s+(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?P<year>\d{{4}}))"
_DATE_EU = rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month>{_MONTH})\s+(?P<year>\d{{4}}))"
_DATE_ISO = r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2}))"
_DATE_US = r"(?:(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}))"


def _year(text: str) -> int:
    number = int(text)
    if len(text) == 4:
        return number
    return number + (2000 if number < 70 else 1900)


def _named(span: Span) -> Callable[[re.Match[str]], Reading]:
    return lambda match: Named(Period(_year(match["year"]), span))


def _nth_quarter(match: re.Match[str]) -> Reading:
    nth = match["nth"]
    number = int(nth) if nth.isdigit() else _COUNTS[nth]
    return Named(Period(_year(match["year"]), QUARTERS[number - 1]))


def _half(match: re.Match[str]) -> Reading:
    return Named(Period(_year(match["year"]), Span.H1))


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
    return lambda _match: Relative(unit, back, years_back)


def _quarter_of(back: int) -> Callable[[re.Match[str]], Reading]:
    def read(match: re.Match[str]) -> Reading:
        nth = match["nth"]
        number = int(nth) if nth.isdigit() else _COUNTS[nth]
        return Relative("year", back, span=QUARTERS[number - 1])

    return read


_LAST_YEAR = (
    r"(?:last|prior|previous|preceding|past)(?:\s(?:completed|full))?"
    r"(?:\s(?:fiscal|financial|calendar))?\syear(?:\ss)?"
)
_THIS_YEAR = r"(?:this|current|the current)(?:\s(?:fiscal|financial|calendar))?\syear"
_LATEST = r"(?:latest|most recent|most recently completed|last reported|last completed)"
_RULES: tuple[tuple[str, Callable[[re.Match[str]], Reading]], ...] = (
    # Whole years.
    (_YEAR, _named(Span.FY)),
    (r"(?P<year>\d{4})\s?(?:fy|fiscal(?: year)?|full year|annual|year)", _named(Span.FY)),
    (rf"(?:full|whole|entire)(?: fiscal)?(?: year)?(?: of)? {_YEAR}", _named(Span.FY)),
    (rf"(?:annual|12m|12 months|twelve months) {_YEAR}", _named(Span.FY)),
    (rf"(?:end|close) of {_YEAR}", _named(Span.FY)),
    (rf"(?:fiscal )?year ?end(?: of)? {_YEAR}", _named(Span.FY)),
    (rf"{_YEAR} (?:fiscal )?year ?end", _named(Span.FY)),
    # Quarters.
    (rf"f?q\s?(?P<nth>[1-4])(?: of)?(?: the)?[\s-]*{_YEAR}", _nth_quarter),
    (rf"f?q(?P<nth>[1-4])-?{_YEAR}", _nth_quarter),
    (rf"(?P<nth>[1-4])\s?f?q(?: of)?[\s-]*{_YEAR}", _nth_quarter),
    (
        r"(?:fy|fiscal(?: year)?)?\s?'?(?P<year>\d{4}|(?<=fy)\d{2})[\s-]*f?q(?P<nth>[1-4])",
        _nth_quarter,
    ),
    (r"fy\s?'?(?P<year>\d{2})[\s-]*f?q(?P<nth>[1-4])", _nth_quarter),
    (
        rf"(?:fiscal )?(?:year )?{_NTH} (?:fiscal )?(?:quarter|qtr)(?: in| of)?(?: the)?\s*{_YEAR}",
        _nth_quarter,
    ),
    (rf"(?:fiscal )?(?:quarter|qtr) (?P<nth>[1-4])(?: in| of)? {_YEAR}", _nth_quarter),
    (rf"{_YEAR} {_NTH} (?:fiscal )?(?:quarter|qtr)", _nth_quarter),
    (rf"{_YEAR} (?:quarter|qtr) (?P<nth>[1-4])", _nth_quarter),
    (rf"(?:end|close) of (?:the )?{_NTH} (?:fiscal )?quarter(?: of)? {_YEAR}", _nth_quarter),
    (rf"(?:end|close) of q(?P<nth>[1-4])(?: of)? {_YEAR}", _nth_quarter),
    # Parts from the year's start.
    (
        r"(?:h1|1h|first half|(?:first )?six months|first 6 months|6m)"
        rf"(?: in| of)?\s*{_YEAR}",
        _half,
    ),
    (rf"{_YEAR} ?(?:h1|1h|first half)", _half),
    (
        r"(?:9m|m9|(?:first )?nine months|first 9 months|first three quarters)"
        rf"(?: in| of)?\s*{_YEAR}",
        _named(Span.M9),
    ),
    (rf"{_YEAR} ?(?:9m|first nine months)", _named(Span.M9)),
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
        r"(?:prior|previous|last|preceding) year(?: s)? quarter|year ago (?:quarter|period)"
        r"|(?:same|corresponding|comparable|equivalent) (?:quarter|period) (?:of |in )?"
        r"(?:a year ago|a year earlier|(?:the )?(?:last|prior|previous|preceding) year)"
        r"|(?:same|corresponding) (?:quarter|period) (?:one|a) year (?:ago|earlier)"
        r"|quarter a year (?:ago|earlier)",
        _relative("quarter", 0, 1),
    ),
    (
        rf"(?:q(?P<nth>[1-4])) (?:of )?(?:the )?{_LAST_YEAR}",
        _quarter_of(0),
    ),
    (rf"{_NTH} (?:fiscal )?quarter (?:of )?(?:the )?{_LAST_YEAR}", _quarter_of(0)),
    (rf"(?:q(?P<nth>[1-4])) (?:of )?{_THIS_YEAR}", _quarter_of(-1)),
    (rf"{_NTH} (?:fiscal )?quarter (?:of )?{_THIS_YEAR}", _quarter_of(-1)),
)
_COMPILED = tuple((re.compile(pattern, re.ASCII), read) for pattern, read in _RULES)


def normalise(text: str) -> str:
    """Lower case, one space between words, no punctuation but that of dates and years."""
    text = text.lower().replace("’", "'").replace("–", "-").replace("−", "-")
    text = re.sub(r"(\d)(st|nd|rd|th)\b", r"\1\2", text)
    text = re.sub(r"[^a-z0-9/'-]+", " ", text)
    # Hyphens stay within ISO dates and turn into spaces elsewhere; so do apostrophes.
    text = re.sub(r"(?<!\d)-|-(?!\d)", " ", text)
    text = re.sub(r"'(?!\d)", " ", text)
    text = re.sub(r"\s+", " ", text).strip()
    previous = None
    while previous != text:
        previous = text
        text = re.sub(
            r"^(?:the|in|for|during|over|of|at the|as of the|at|by|its|their|our|company s"
            r"|period|reported|results? for|through) (?=\S)",
            "",
            text,
        )
    return text


def read_period(text: str) -> Reading:
    """What period `text` names.

    Raises:
        ValueError: it names none, or none that this knows.
    """
    if len(text) > 120:
        raise ValueError("too long for a period")
    for words in dict.fromkeys((normalise(text), _bare(text))):
        for pattern, read in _COMPILED:
            match = pattern.fullmatch(words)
            if match:
                return read(match)
    raise ValueError(f"not a period: {text!r}")


def _bare(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[^a-z0-9]+", " ", text.lower())).strip()
