"""Charts as inline SVG: no script, no file beside the page, legible in light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ledgerline.evaluation.calibration import Calibration, Point
from ledgerline.evaluation.statistics import Interval

_WIDTH = 560
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 12, 34
_PLOT = _WIDTH - _LEFT - _RIGHT
_TOPS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Where an axis may end: a quarter of it is a round figure."""


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through (x, y) points, both 0 to 1; `shade` picks one of the colours."""

    name: str
    points: Sequence[tuple[float, float]]
    shade: int


def interval_chart(rows: Sequence[tuple[str, Interval]]) -> str:
    """A dot with its interval for each row, on one axis from 0 to 100 %."""
    height = 34 * len(rows) + 28
    label = 150
    parts = []

    def x(share: float) -> float:
        return label + share * (_WIDTH - label - _RIGHT - 50)

    for tick in range(0, 101, 25):
        at = x(tick / 100)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="{height - 22}"/>')
        parts.append(
            f'<text class="tick" x="{at:.1f}" y="{height - 6}" text-anchor="middle">{tick} %</text>'
        )
    for index, (name, interval) in enumerate(rows):
        y = 34 * index + 22
        parts.append(f'<text x="0" y="{y + 4}">{escape(name)}</text>')
        if not interval.trials:
            continue
        low, high = max(0.0, interval.low), min(1.0, interval.high)
        parts.append(
            f'<line class="whisker s{index % 5}" x1="{x(low):.1f}" x2="{x(high):.1f}" '
            f'y1="{y}" y2="{y}"/>'
        )
        parts.append(
            f'<circle class="dot s{index % 5}" cx="{x(interval.value):.1f}" cy="{y}" r="6"/>'
        )
        parts.append(
            f'<text class="value" x="{_WIDTH}" y="{y + 4}" text-anchor="end">'
            f"{100 * interval.value:.1f} %</text>"
        )
    return _svg(height, parts, "Share right, with 95 % interval, per policy")


def line_chart(lines: Sequence[Line], across: str, up: str, diagonal: bool = False) -> str:
    """Lines over the unit square, axes in percent, with a legend; y runs to the largest value."""
    height = 300
    top = max((y for line in lines for _, y in line.points), default=1.0)
    limit = 1.0 if diagonal else next(step for step in _TOPS if top <= step)
    parts = _axes(height, limit, across, up)
    if diagonal:
        parts.append(
            f'<line class="guide" x1="{_x(0):.1f}" y1="{_y(0, limit, height):.1f}" '
            f'x2="{_x(1):.1f}" y2="{_y(1, limit, height):.1f}"/>'
        )
    for index, line in enumerate(lines):
        path = " ".join(f"{_x(x):.1f},{_y(y, limit, height):.1f}" for x, y in line.points)
        if len(line.points) == 1:
            x, y = path.split(",")
            parts.append(f'<circle class="dot s{line.shade}" cx="{x}" cy="{y}" r="5"/>')
        else:
            parts.append(f'<polyline class="line s{line.shade}" points="{path}"/>')
        key = _TOP + 16 + 20 * index
        parts.append(f'<line class="line s{line.shade}" x1="56" x2="76" y1="{key}" y2="{key}"/>')
        parts.append(f'<text x="82" y="{key + 4}">{escape(line.name)}</text>')
    return _svg(height, parts, f"{up} against {across}")


def risk_coverage_chart(curves: Sequence[tuple[str, Sequence[Point], int]]) -> str:
    """Wrong among shown against the share of all examples that is shown."""
    lines = [
        Line(name, _thinned([(point.coverage, point.risk) for point in points]), shade)
        for name, points, shade in curves
        if points
    ]
    return line_chart(lines, "shown, of all examples", "wrong, of those shown")


def reliability_chart(curves: Sequence[tuple[str, Calibration, int]]) -> str:
    """Right answers against confidence; a calibrated policy lies on the diagonal.

    Who is equally sure of everything (a script, a prompted model) has no curve.
    """
    lines = [
        Line(name, [(part.confidence, part.right.value) for part in curve.bins], shade)
        for name, curve, shade in curves
        if len({part.confidence for part in curve.bins}) > 1
    ]
    return line_chart(lines, "confidence", "right", diagonal=True)


def _axes(height: int, limit: float, across: str, up: str) -> list[str]:
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _x(tick), _y(tick * limit, limit, height)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_x(1):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{100 * tick * limit:g}</text>"
        )
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{height - 18}" text-anchor="middle">'
            f"{100 * tick:g}</text>"
        )
    parts.append(
        f'<text class="tick" x="{_x(1):.1f}" y="{height - 3}" text-anchor="end">'
        f"→ {escape(across)} (%)</text>"
    )
    parts.append(f'<text class="tick" x="{_LEFT}" y="{_TOP - 2}">↑ {escape(up)} (%)</text>')
    return parts


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, len(points) // 200)
    return points[::step] + ([points[-1]] if (len(points) - 1) % step else [])


def _x(share: float) -> float:
    return _LEFT + share * _PLOT


def _y(value: float, limit: float, height: int) -> float:
    return height - _BOTTOM - value / limit * (height - _TOP - _BOTTOM - 6)


def _svg(height: int, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
