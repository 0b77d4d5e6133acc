"""A chart as SVG, with nothing linked from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from html import escape

from ..display import safe

#: Series in order: safe for the common kinds of colour blindness (Okabe and Ito, 2008).
SERIES = ("#56b4e9", "#e69f00", "#2ec48d", "#cc79a7", "#f0e442", "#d55e00")

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 960, 480, 70, 40, 40
Points = tuple[str, Sequence[int], Sequence[float]]


def svg(curves: Sequence[Points], first_day: date | None = None) -> str:
    """The curves by (label, steps, values); at most a few points to a pixel are drawn.

    With `first_day` the steps are days, that one is 0, and the axis shows dates.
    """
    finite = [v for _label, _steps, values in curves for v in values if math.isfinite(v)]
    steps = [s for _label, known, _values in curves for end in (known[:1], known[-1:]) for s in end]
    if not finite or not steps:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"/>\n'
    x0, x1, y0, y1 = min(steps), max(steps), min(finite), max(finite)
    right, bottom = _WIDTH - 20, _HEIGHT - _BOTTOM

    def across(step: float) -> float:
        return _LEFT + (step - x0) / ((x1 - x0) or 1) * (right - _LEFT)

    def down(value: float) -> float:
        return bottom - (value - y0) / ((y1 - y0) or 1) * (bottom - _TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for n in range(5):
        value = y0 + (y1 - y0) * n / 4
        parts.append(f'<path d="M{_LEFT} {down(value):.1f}H{right}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{down(value) + 4:.1f}" font-size="12" text-anchor="end">{value:.4g}</text>'
        )
        step = x0 + (x1 - x0) * n / 4
        parts.append(
            f'<text x="{across(step):.1f}" y="{bottom + 20}" font-size="12" text-anchor="middle">'
            f"{first_day + timedelta(days=round(step)) if first_day else f'{step:.0f}'}</text>"
        )
    for n, (label, known, values) in enumerate(curves):
        colour = SERIES[n % len(SERIES)]
        every = max(1, len(known) // 4000)
        points = " ".join(
            f"{across(known[i]):.1f},{down(values[i]):.1f}"
            for i in range(0, len(known), every)
            if math.isfinite(values[i])
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        at = _LEFT + 200 * n
        parts.append(f'<text x="{at}" y="24" font-size="13" fill="{colour}">{escape(safe(label))}</text>')
    return "\n".join([*parts, "</svg>", ""])
