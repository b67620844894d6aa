"""One fact given with several values: the most precise one stands, the others are kept, too."""

from dataclasses import dataclass
from decimal import Decimal

ROUNDED = "a rounding of the value that stands"
LESS_PRECISE = "less precise than the value that stands, and not a rounding of it"
_COARSEST = 99
LATER = "as precise as the value that stands, which was read first"


@dataclass(frozen=True, slots=True)
class Settled:
    """Which of two values of one fact stands, and why the other doesn't."""

    stands: Decimal
    other: Decimal
    why: str


def settle(known: Decimal, told: Decimal) -> Settled:
    """Between two different values of one fact: the one stated in the smaller unit stands.

    Data sets with notes give 171,797 and 172,000 for one figure; the same filing may also come
    from two sources. Where both are equally precise, the one `known` before stands.
    """
    stands, other = (told, known) if _grain(told) < _grain(known) else (known, told)
    if _grain(stands) == _grain(other):
        return Settled(stands, other, LATER)
    rounded = bool(other) and abs(stands - other) * 2 <= Decimal(1).scaleb(_grain(other))
    return Settled(stands, other, ROUNDED if rounded else LESS_PRECISE)


def _grain(value: Decimal) -> int:
    """The power of ten that a value is stated in: 5,123,000 → 3, 5.25 → -2; of 0 any, the most."""
    if not value:
        return _COARSEST
    _, digits, exponent = value.as_tuple()
    written = "".join(map(str, digits))
    return int(exponent) + len(written) - len(written.rstrip("0"))
