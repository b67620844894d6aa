"""What two figures yield together: a change, a percent change, a ratio.

Signs are left to the document's words: "down 4.2 %", "lower by $3 million".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

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
    """What can be asked for of one metric, against the year before, or of two.

    `form` is how it is asked for, `words` what is understood as that, `display` how it is shown
    and `note` how it came about.
    """

    form: str
    words: re.Pattern[str]
    display: str
    note: str
    reckon: Callable[[Value, Value], Value | None]

    @property
    def metrics(self) -> int:
        """Of how many metrics it is."""
        return self.form.count("{}")


RECKONINGS = {
    "ratio": Reckoning(
        "{} / {}",
        re.compile(r"(.+?) / (.+)"),
        "{} / {}",
        "{} / {}",
        ratio,
    ),
    "growth": Reckoning(
        "percent change in {}",
        re.compile(r"(?:the )?(?:percent|percentage|%) changes? in (.+)", re.IGNORECASE),
        "{}, percent change",
        "{} / {} - 1",
        growth,
    ),
    "change": Reckoning(
        "change in {}",
        re.compile(r"(?:the )?changes? in (.+)", re.IGNORECASE),
        "{}, change",
        "{} - {}",
        change,
    ),
}


def read_reckoning(text: str) -> tuple[Reckoning, tuple[str, ...]] | None:
    """What `text` asks to reckon, and the names of the metrics of which; None where nothing."""
    words = " ".join(text.split())
    for reckoning in RECKONINGS.values():
        match = reckoning.words.fullmatch(words)
        if match:
            return reckoning, match.groups()
    return None


def metrics_in(text: str) -> tuple[str, ...]:
    """The names of the metrics in what is asked for: itself, or what is to be reckoned with."""
    read = read_reckoning(text)
    return read[1] if read else (text,)


def with_metrics(text: str, changed: Callable[[str], str]) -> str:
    """What is asked for, each metric in it as `changed` has it."""
    read = read_reckoning(text)
    if read is None:
        return changed(text)
    reckoning, metrics = read
    return reckoning.form.format(*map(changed, metrics))


def renamed(text: str, names: Mapping[str, str]) -> str:
    """What is asked for, each metric in it that `names` has (in lower case) under that name."""
    whole = names.get(text.casefold())
    return whole or with_metrics(text, lambda metric: names.get(metric.casefold(), metric))
