"""Line charts as SVG, drawn by hand: few lines, a logarithmic axis of calls, and words that both themes can show."""

from collections.abc import Sequence
from html import escape
from math import ceil, log2, log10

from bench.gpu.report import Line

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 44, 56
_COLOURS = ("#1f77b4", "#d95f02", "#7a7a7a", "#2a9d5c")
_NUM_TICKS = 5


def chart(title: str, across: str, up: str, lines: Sequence[Line], *, most: float | None = None) -> str:
    """Draw lines over calls at once.

    Args:
        title: Above the picture.
        across: Name of the horizontal axis, which is logarithmic.
        up: Name of the vertical axis.
        lines: Name and points of each.
        most: End of the vertical axis; by default the next round number.
    """
    counts = sorted({x for _, points in lines for x, _ in points})
    top = most or _round_up(max(y for _, points in lines for _, y in points))
    parts = [_text(_LEFT, 22, title, weight="bold")]
    for tick in range(_NUM_TICKS + 1):
        value = top * tick / _NUM_TICKS
        y = _y(value, top)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#8884"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{value:g}", anchor="end"))
    parts += [_text(_x(count, counts), _HEIGHT - _BOTTOM + 18, f"{count:g}", anchor="middle") for count in counts]
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 16, across, anchor="middle"))
    parts.append(f'<text transform="translate(16 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    for index, (name, points) in enumerate(lines):
        parts += _line(index, name, [(_x(x, counts), _y(y, top)) for x, y in points])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12" fill="#777">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _line(index: int, name: str, points: Sequence[tuple[float, float]]) -> list[str]:
    colour = _COLOURS[index % len(_COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    drawn.append(f'<text x="{_LEFT + 12}" y="{_TOP + 12 + 16 * index}" fill="{colour}">{escape(name)}</text>')
    return drawn


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


def _x(count: float, counts: Sequence[float]) -> float:
    span = log2(counts[-1] / counts[0]) or 1.0
    return _LEFT + 12 + (_WIDTH - _LEFT - _RIGHT - 24) * log2(count / counts[0]) / span


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _round_up(value: float) -> float:
    unit: float = 10 ** (ceil(log10(value)) - 1)
    return ceil(value / unit) * unit
