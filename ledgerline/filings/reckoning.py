"""What two figures yield together: a change, a growth rate, a ratio.

Signs are left to the document's words: "down 4.2 %", "lower by $3 million".
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ledgerline.filings import figures

Value = tuple[Decimal, str]
"""An amount and its unit."""

_LEAST, _MOST = Decimal("0.001"), 10
"""Between these a rate is worth stating in percent."""


def change(later: Value, earlier: Value) -> Value | None:
    """By how much a figure changed; None where units differ, or nothing changed."""
    if later[1] != earlier[1] or later[0] == earlier[0]:
        return None
    return abs(later[0] - earlier[0]), later[1]


def growth(later: Value, earlier: Value) -> Value | None:
    """At what rate a figure grew or fell; None where units differ, or a loss gives no rate."""
    if later[1] != earlier[1] or later[0] <= 0 or earlier[0] <= 0:
        return None
    return _rate(abs(later[0] / earlier[0] - 1))


def ratio(part: Value, whole: Value) -> Value | None:
    """What share of another a figure is; None where units differ, or one isn't positive."""
    if part[1] != whole[1] or part[0] <= 0 or whole[0] <= 0:
        return None
    return _rate(part[0] / whole[0])


def _rate(rate: Decimal) -> Value | None:
    return (rate, "pure") if _LEAST <= rate < _MOST else None


@dataclass(frozen=True, slots=True)
class Reckoning:
    """`form` is how a policy writes it, of two figures as search shows them."""

    form: str
    reckon: Callable[[Value, Value], Value | None]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches what is written in that form; its groups are the two figures."""
        return re.compile(re.escape(self.form).replace(r"\{\}", "(.+?)"))


RECKONINGS = {
    "change": Reckoning("{} - {}", change),
    "growth": Reckoning("{} / {} - 1", growth),
    "ratio": Reckoning("{} / {}", ratio),
}


def reckoned(text: str, shown: Sequence[tuple[str, Value]]) -> str | None:
    """What `text` yields in the house style, if it says how to reckon with two figures `shown`.

    `shown` are texts with their values, in the order in which they came. The values are reckoned
    with, not what is left of them in the texts: of $415.3 million and $415.4 million that is a
    change too. Of one text shown twice the first is the first operand, the last the second.
    """
    for reckoning in RECKONINGS.values():
        match = reckoning.pattern.fullmatch(text.strip())
        if match is None:
            continue
        first = next((value for name, value in shown if name == match[1]), None)
        second = next((value for name, value in reversed(shown) if name == match[2]), None)
        if first is not None and second is not None:
            found = reckoning.reckon(first, second)
            return None if found is None else figures.render(*found)
    return None
