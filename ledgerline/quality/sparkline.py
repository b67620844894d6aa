"""A company's series of a metric as a small drawing, with the offending point."""

from datetime import date

import numpy as np
import numpy.typing as npt

from ledgerline.quality.board import NO_START, Board

WIDTH, HEIGHT, MARGIN = 260, 64, 8
_EPOCH = date(1970, 1, 1).toordinal()


def sparkline(board: Board, row: int) -> str:
    """Inline SVG: the size (log scale) of the series' values of the same span, by period end.

    The values of other filings are joined by a line; the offending one is a red dot. Empty where
    it has no size.
    """
    in_series = np.flatnonzero(board.series == board.series[row])
    spans = _span(board, in_series)
    alike = in_series[
        (spans == _span(board, np.array([row]))[0]) & np.isfinite(board.level[in_series])
    ]
    if len(alike) < 2 or row not in alike:
        alike = in_series[np.isfinite(board.level[in_series])]
    if row not in alike:  # a value of 0 has no size
        return ""
    ends, levels = board.end[alike].astype(float), board.level[alike]
    x = _scale(ends, MARGIN, WIDTH - MARGIN)
    # A decade takes at least a tenth of the height, so that small changes look small.
    y = _scale(-levels, MARGIN, HEIGHT - MARGIN, least=1.0)
    offending = alike == row
    others = [f"{a:.1f},{b:.1f}" for a, b, o in zip(x, y, offending, strict=True) if not o]
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="1.8" class="point"/>'
        for a, b, o in zip(x, y, offending, strict=True)
        if not o
    )
    (at,) = np.flatnonzero(offending)
    first, last = (date.fromordinal(int(d) + _EPOCH).year for d in (ends.min(), ends.max()))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{len(alike)} values, {first} to {last}, the offending one marked">'
        f'<polyline points="{" ".join(others)}" class="line"/>{dots}'
        f'<circle cx="{x[at]:.1f}" cy="{y[at]:.1f}" r="4" class="offending"/></svg>'
    )


def _span(board: Board, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Length of each row's period in quarters; 0 for an instant."""
    days = board.end[rows].astype(np.int64) - board.start[rows]
    quarters: npt.NDArray[np.float64] = np.round(days / 91.3)
    return np.where(board.start[rows] == NO_START, 0.0, quarters)


def _scale(
    values: npt.NDArray[np.float64], low: float, high: float, least: float = 1e-9
) -> npt.NDArray[np.float64]:
    middle = (values.max() + values.min()) / 2
    span = max(float(np.ptp(values)), least)
    placed: npt.NDArray[np.float64] = (low + high) / 2 + (values - middle) / span * (high - low)
    return placed
