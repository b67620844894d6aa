"""Stock splits in restated share data: told from other restatements by their exact ratio."""

from decimal import Decimal
from fractions import Fraction

_RATIOS = tuple(Fraction(n) for n in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100))
_RATIOS += (Fraction(3, 2),)
_CERTAIN = Decimal("0.03")
"""Rounding beyond this share of a value leaves too little to tell a ratio by."""


def split_ratio(before: Decimal, after: Decimal, unit: str) -> Fraction | None:
    """New shares per old one, if a split explains the change of a share count or amount per share.

    2 is a two-for-one split, 1/10 a one-for-ten reverse split. Counts grow by the ratio, amounts
    per share shrink by it, up to the rounding in which each was told. None for anything else.
    """
    if not before or not after or (before < 0) != (after < 0) or before == after:
        return None
    per_share = unit.endswith("/shares")
    if not per_share and unit != "shares":
        return None
    for ratio in (*_RATIOS, *(1 / ratio for ratio in _RATIOS)):
        factor = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        expected = after * factor if per_share else before * factor
        told = before if per_share else after
        if abs(told - expected) <= _rounding(before, after, factor, per_share):
            return ratio
    return None


def _rounding(before: Decimal, after: Decimal, factor: Decimal, per_share: bool) -> Decimal:
    """By how much rounding alone may part a value and what the split makes of the other."""
    if not per_share:
        # Twice, since dilution is a difference of two rounded averages.
        slack = 2 * (_half_step(before, 0) * factor + _half_step(after, 0))
        return min(slack, abs(after) * _CERTAIN)
    once = _half_step(before, -2) + _half_step(after, -2) * factor
    # A year's dividends are added up from quarters, each rounded.
    summed = _half_step(before, -2) + 4 * _half_step(after, -2) * factor
    if summed <= abs(before) * _CERTAIN:
        return summed
    return once if once <= 2 * abs(before) * _CERTAIN else Decimal(-1)


def _half_step(value: Decimal, places: int) -> Decimal:
    """Half of the last place in which `value` was told, taken to be `places` if it ends before."""
    exponent = int(value.normalize().as_tuple().exponent)
    return Decimal(5).scaleb((min(exponent, places) if places else exponent) - 1)
