"""A curve in braille dots: two columns and four rows of dots to each character cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BASE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column within a cell


def plot(points: Sequence[tuple[float, float]], *, width: int = 72, height: int = 12, title: str = "") -> list[str]:
    """The lines of a plot of (x, y) points, in the order of x; `width` × `height` are cells of the curve itself.

    Each column shows the lowest and highest value that falls into it, so that no spike is lost however many points
    there are. Values that are not finite are left out.
    """
    usable = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not usable:
        return [title] if title else []
    x_low, x_high = usable[0][0], usable[-1][0]
    y_low, y_high = min(y for _, y in usable), max(y for _, y in usable)
    columns = _columns(usable, x_low, x_high, width * 2)
    cells = [[0] * width for _ in range(height)]
    rows = height * 4
    last: tuple[int, int] | None = None  # the column and row that the line has come to
    for column, values in enumerate(columns):
        if not values:
            continue
        top, bottom = (_row(value, y_low, y_high, rows) for value in (max(values), min(values)))
        if last is not None:
            _join(cells, last, (column, min(max(last[1], top), bottom)))
        for row in range(top, bottom + 1):
            _dot(cells, column, row)
        last = column, _row(values[-1], y_low, y_high, rows)
    return _frame(cells, (x_low, x_high), (y_low, y_high), title)


def _columns(points: Sequence[tuple[float, float]], low: float, high: float, count: int) -> list[list[float]]:
    columns: list[list[float]] = [[] for _ in range(count)]
    span = (high - low) or 1.0
    for x, y in points:
        columns[min(count - 1, max(0, round((x - low) / span * (count - 1))))].append(y)
    return columns


def _row(value: float, low: float, high: float, rows: int) -> int:
    if high == low:
        return rows // 2
    return rows - 1 - round((value - low) / (high - low) * (rows - 1))


def _join(cells: list[list[int]], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Draws from one dot to another, without a gap in the steep parts."""
    row = start[1]
    for column in range(start[0] + 1, end[0] + 1):
        share = (column - start[0]) / (end[0] - start[0])
        target = round(start[1] + (end[1] - start[1]) * share)
        for between in range(min(row, target), max(row, target) + 1):
            _dot(cells, column, between)
        row = target


def _dot(cells: list[list[int]], column: int, row: int) -> None:
    cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]


def _frame(cells: list[list[int]], x: tuple[float, float], y: tuple[float, float], title: str) -> list[str]:
    top, bottom = f"{y[1]:.4g}", f"{y[0]:.4g}"
    margin = max(len(top), len(bottom))
    lines = [f"{'':{margin}}  {title}"] if title else []
    for index, row in enumerate(cells):
        label = top if index == 0 else bottom if index == len(cells) - 1 else ""
        lines.append(f"{label:>{margin}} ┤" + "".join(chr(_BASE + cell) for cell in row).rstrip(chr(_BASE)))
    width = len(cells[0])
    left, right = f"{x[0]:.6g}", f"{x[1]:.6g}"
    lines.append(f"{'':{margin}} └" + "─" * width)
    lines.append(f"{'':{margin}}  {left}{right:>{max(1, width - len(left))}}")
    return lines
