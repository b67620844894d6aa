"""Figures as people write them: written from exact values, read back, found in a text.

House style of `render`, chosen so that one value has one regular spelling:

- money in the largest scale that keeps it at one or more: `$383.3 billion`, `$72.4 million`
  (one decimal), `NT$2.26 trillion` (two decimals), `$845 thousand` (none), `$612`;
- per share to the cent (`$6.13`), below a cent to four places (`$0.0025`);
- share counts `15.6 billion shares`, `845 thousand shares`, `612 shares`;
- ratios in percent with one decimal (`12.5%`), multiples with two and an x (`1.05x`);
- negatives in parentheses, as accounts print them: `$(1.2) billion`, `$(0.35)`, `(3.4)%`.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

from ledgerline.filings.figure_words import (
    CENTS,
    CODES,
    CURRENCY_WORDS,
    MULTIPLE,
    PERCENT,
    POINTS,
    PREFIXES,
    SCALE_WORDS,
    SCALES,
    SYMBOLS,
)

EXACT = Context(prec=200, rounding=ROUND_HALF_UP)
"""Arithmetic wide enough that no figure in a text is rounded while it is read."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure read from text.

    `value` is in whole units (ratios as fractions: 12.5% is 0.125); `unit` is a currency code
    ("USD"), "USD/shares" where "per share" was written, "shares", "pure" (percent), "x"
    (multiples) or "" when none was written. `quantum` is the precision stated: 1e8 for
    "$383.3 billion".
    """

    value: Decimal
    unit: str
    quantum: Decimal


def units_agree(written: str, unit: str) -> bool:
    """Whether a figure written in `written` can state a value held in `unit`.

    People write per-share money without "per share" ("$6.13"), and leave "shares" or the
    currency to the sentence, so "" agrees with everything but a ratio, and "USD" with
    "USD/shares".
    """
    if unit in (written, f"{written}/shares"):
        return True
    return written == "" and unit not in ("pure", "x")


def render(value: Decimal, unit: str) -> str:
    """Write `value` (whole `unit`s, ratios as fractions) as people write it; see the module."""
    negative = value < 0
    size = -value if negative else value
    if unit == "pure":
        return f"{_signed(_fixed(size.scaleb(2, EXACT), 1), negative)}%"
    if unit == "x":
        return f"{_signed(_fixed(size, 2), negative)}x"
    if unit.endswith("/shares"):
        closely = size.quantize(Decimal("0.0001"), context=EXACT)
        places = 2 if closely == 0 or closely >= Decimal("0.01") else 4
        return f"{_symbol(unit.removesuffix('/shares'))}{_signed(_fixed(size, places), negative)}"
    number, word = _scaled(size)
    number = _signed(number, negative)
    tail = f" {word}" if word else ""
    if re.fullmatch(r"[A-Z]{3}", unit):
        return f"{_symbol(unit)}{number}{tail}"
    return f"{number}{tail} {unit}" if unit else f"{number}{tail}"


def _symbol(currency: str) -> str:
    return SYMBOLS.get(currency, f"{currency} ")


def _signed(number: str, negative: bool) -> str:
    return f"({number})" if negative and number.strip("0.,") else number


def _fixed(size: Decimal, places: int) -> str:
    return f"{size.quantize(Decimal(1).scaleb(-places), context=EXACT):,f}"


def _scaled(size: Decimal) -> tuple[str, str]:
    for exponent, word, places in SCALES:
        scaled = size.scaleb(-exponent, EXACT)
        # 999.96 million is written 1.0 billion, so the rounded number decides.
        if scaled.quantize(Decimal(1).scaleb(-places), context=EXACT) >= 1 and (
            scaled >= 1 or _overflows(size, exponent)
        ):
            return _fixed(scaled, places), word
    cents = size.quantize(Decimal("0.01"), context=EXACT)
    return _fixed(cents, 0 if cents == cents.to_integral_value() else 2), ""


def _overflows(size: Decimal, exponent: int) -> bool:
    """Whether the next smaller scale would print 1,000 or more."""
    places = {12: 1, 9: 1, 6: 0, 3: 0}[exponent]
    smaller = size.scaleb(3 - exponent, EXACT)
    return smaller.quantize(Decimal(1).scaleb(-places), context=EXACT) >= 1000


def _alternatives(words: object) -> str:
    listed = sorted((str(word) for word in words), key=len, reverse=True)  # type: ignore[attr-defined]
    return "|".join(re.escape(word).replace(r"\ ", r"\s") for word in listed)


_FIGURE = re.compile(
    rf"""
    (?<![\w.,$€£¥/-])
    (?P<open>\()?
    (?P<minus>[-−–‒]\s?)?
    (?:(?P<prefix>{_alternatives(PREFIXES)}|(?:{CODES})(?=[\s(\d.-]))\s?)?
    (?P<inner>\()?
    (?P<inner_minus>[-−–‒])?
    (?P<number>[0-9]{{1,3}}(?:,[0-9]{{3}})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    (?!\d|[.,]\d)
    (?P<inner_close>\))?
    (?:(?:\s?|-(?=[a-z]{{3}}))(?P<scale>{_alternatives(SCALE_WORDS)})(?!\w))?
    (?P<close>\))?
    (?:[\s-]?(?P<suffix>
        {_alternatives((*PERCENT, *POINTS, *MULTIPLE, *CENTS))}
        |{_alternatives(CURRENCY_WORDS)}|{CODES}
        |(?:(?:common|ordinary|diluted|basic|weighted[\s-]average)\s){{0,3}}shares?
    )(?!\w))?
    (?P<last_close>\))?
    (?P<per>\s?(?:/|per|a|each)\s?(?:(?:diluted|basic|common|ordinary)\s){{0,3}}share(?!\w))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ATTACHED = re.compile(r"[\w]|[-/]\w|[.,]\d")
_MONTH_BEFORE = re.compile(
    r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?\s*$", re.IGNORECASE
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_FILLER = re.compile(
    r"(?:about|approximately|approx\.?|roughly|around|nearly|almost|some|circa|over|under"
    r"|or so|~|≈)",
    re.IGNORECASE,
)


def find(text: str) -> list[tuple[int, int, Amount]]:
    """Every figure in `text` as (start, end, amount), in order.

    Years, days of a date, and digits within names ("10-K", "Q3", "FY23", "A100") are not
    figures; a bare number otherwise is.
    """
    figures = []
    for match in _FIGURE.finditer(text):
        bare = not any(match[group] for group in ("prefix", "scale", "suffix", "per"))
        rest = text[match.end() :]
        if bare and (
            _ATTACHED.match(rest)
            or _YEAR.fullmatch(match["number"])
            or _MONTH_BEFORE.search(text[: match.start()])
        ):
            continue
        amount, start, end = _amount(match)
        if amount is not None:
            figures.append((start, end, amount))
    return figures


def read(text: str) -> Amount:
    """The one figure that `text` is.

    Words that only hedge ("about") and final punctuation are passed over.

    Raises:
        ValueError: `text` is not exactly one figure.
    """
    stripped = _FILLER.sub(" ", text[:200]).strip().rstrip(".;,").strip()
    match = _FIGURE.fullmatch(stripped) if len(text) <= 200 else None
    amount, start, end = _amount(match) if match else (None, 0, 0)
    if amount is None or (start, end) != (0, len(stripped)):
        raise ValueError(f"not exactly one figure: {text[:80]!r}")
    return amount


def _amount(match: re.Match[str]) -> tuple[Amount | None, int, int]:
    """The amount and the span it covers, without parentheses that only surround it."""
    opened = (match["open"] or "").count("(") + (match["inner"] or "").count("(")
    closes = [g for g in ("inner_close", "close", "last_close") if match[g]]
    start, end = match.start(), match.end()
    if opened != len(closes):
        # An unbalanced parenthesis belongs to the sentence: "(up 3.2% from $4.1 billion)".
        if len(closes) > opened:
            return _trimmed(match, closes[opened:])
        if match["open"] and not match["inner"]:
            start += 1
            opened = 0
        else:
            return None, start, end
    negative = opened > 0 or bool(match["minus"]) or bool(match["inner_minus"])
    return _valued(match, negative), start, end


def _trimmed(match: re.Match[str], surplus: list[str]) -> tuple[Amount | None, int, int]:
    first = surplus[0]
    if any(match[group] for group in ("suffix", "per")) and first != "last_close":
        return None, match.start(), match.end()
    negative = bool(match["minus"]) or bool(match["inner_minus"]) or bool(match["open"])
    negative = negative or bool(match["inner"])
    return _valued(match, negative), match.start(), match.start(first)


def _valued(match: re.Match[str], negative: bool) -> Amount | None:
    digits = match["number"].replace(",", "")
    number = Decimal(digits)
    decimals = len(digits.partition(".")[2])
    exponent = SCALE_WORDS[re.sub(r"\s", " ", match["scale"].lower())] if match["scale"] else 0
    unit = ""
    prefix = match["prefix"]
    if prefix:
        unit = PREFIXES.get(prefix.upper(), prefix.upper())
    suffix = re.sub(r"\s+", " ", (match["suffix"] or "").lower())
    if suffix:
        if suffix in PERCENT or suffix in POINTS:
            if unit or exponent:
                return None
            unit, exponent = "pure", (-2 if suffix in PERCENT else -4)
        elif suffix in MULTIPLE:
            if unit or exponent:
                return None
            unit = "x"
        elif suffix in CENTS:
            if unit or exponent:
                return None
            unit, exponent = "USD", -2
        elif suffix.endswith(("share", "shares")):
            unit = unit or "shares"
        else:
            named = CURRENCY_WORDS.get(suffix, suffix.upper())
            if unit and unit != named:
                return None
            unit = named
    if match["per"]:
        unit = f"{unit}/shares" if unit and unit not in ("pure", "x", "shares") else unit
    value = number.scaleb(exponent, EXACT)
    quantum = Decimal(1).scaleb(exponent - decimals, EXACT)
    return Amount(-value if negative else value, unit, quantum)
