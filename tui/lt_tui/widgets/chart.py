"""Curves in braille dots: two columns and four rows of dots to a cell.

A series is reduced to the lowest and highest value of each column of dots before anything is drawn. Steps rise, so a
column is a slice, and `min` and `max` of a slice of an array run at the speed of C.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from lt_controller.client.series import Series

from ..glyphs import glyphs
from ..i18n import _, current
from ..palette import SERIES, style_of
from .lines import fit

_BASE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column within a cell
_SIGNS = "*+ox#@"  # a series' sign where there is no braille


@dataclass
class Curve:
    """A series under the name it has in the legend."""

    label: str
    series: Series
    dots: bool = False  # values that do not follow from each other: no line between them
    smooth: tuple[int, float, Sequence[float]] = field(default=(0, 0.0, ()), repr=False)

    def values(self, weight: float) -> Sequence[float]:
        """The values, smoothed by an exponential mean with bias correction if `weight` > 0."""
        if weight <= 0:
            return self.series.values
        if self.smooth[:2] != (len(self.series), weight):
            self.smooth = (len(self.series), weight, smoothed(self.series.values, weight))
        return self.smooth[2]


@dataclass
class Columns:
    """A series reduced to columns: per column the lowest, highest and last value, or None."""

    cells: list[tuple[float, float, float] | None]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The lowest and the highest of all."""
        known = [cell for cell in self.cells if cell is not None]
        return (min(cell[0] for cell in known), max(cell[1] for cell in known)) if known else None


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving mean; NaN passes the last mean on."""
    last = 0.0
    scale = 0.0
    found = []
    for value in values:
        if value == value:
            last = last * weight + (1 - weight) * value
            scale = scale * weight + (1 - weight)
        found.append(last / scale if scale else math.nan)
    return found


def reduce(
    steps: Sequence[int], values: Sequence[float], low: float, high: float, count: int, gaps: bool = True
) -> Columns:
    """`values` over `steps` between `low` and `high` as `count` columns; without `gaps` every value is finite."""
    from bisect import bisect_left

    span = (high - low) or 1.0
    edges = [bisect_left(steps, low + span * (n - 0.5) / max(1, count - 1)) for n in range(count)] + [len(steps)]
    cells: list[tuple[float, float, float] | None] = []
    for first, after in pairwise(edges):
        part = values[first:after]
        if gaps and len(part) and not math.isfinite(sum(part)):
            part = [value for value in part if math.isfinite(value)]
        cells.append((min(part), max(part), part[-1]) if len(part) else None)
    return Columns(cells)


class Chart(Widget, can_focus=False):
    """Some curves over the same steps, with a legend above and axes at two sides."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Chart { width: 1fr; height: 1fr; min-height: 5; padding: 0 1; }"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.curves: list[Curve] = []
        self.weight = 0.0
        self.logarithmic = False
        self._strips: list[Strip] = []
        self._drawn: tuple[Any, ...] = ()

    def set_curves(self, curves: Sequence[Curve]) -> None:
        """Draws these."""
        self.curves = list(curves)
        self.refresh()

    def set_view(self, *, weight: float | None = None, log: bool | None = None) -> None:
        """Smoothing between 0 and 1; a logarithmic scale."""
        self.weight = self.weight if weight is None else weight
        self.logarithmic = self.logarithmic if log is None else log
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the picture, which is made once for all lines."""
        size = self.content_size
        theme = self.app.theme
        curves = ((c.label, id(c.series), len(c.series)) for c in self.curves)
        state = (size, self.weight, self.logarithmic, theme, glyphs(), current(), *curves)
        if state != self._drawn:
            self._drawn = state
            self._strips = self._draw(size.width, size.height)
        strip = self._strips[y] if y < len(self._strips) else Strip.blank(size.width)
        return strip.apply_style(self.rich_style)

    def _draw(self, width: int, height: int) -> list[Strip]:
        shown = [(n, curve) for n, curve in enumerate(self.curves) if len(curve.series)]
        if not shown or height < 4 or width < 20:
            return [Strip(fit(self.app, ((_("No values yet."), "dim"),), width))]
        rows, margin = height - 3, 9
        columns = max(4, width - margin - 2)
        dots = columns * (2 if glyphs().braille else 1)
        low = min(curve.series.steps[0] for _n, curve in shown)
        high = max(curve.series.steps[-1] for _n, curve in shown)
        reduced = [(n, reduce(c.series.steps, c.values(self.weight), low, high, dots, c.series.gaps)) for n, c in shown]
        bounds = [found for _n, item in reduced if (found := item.bounds) is not None]
        if not bounds:
            return [Strip(fit(self.app, ((_("No values yet."), "dim"),), width))]
        bottom, top = min(b for b, _t in bounds), max(t for _b, t in bounds)
        log = self.logarithmic and top > 0
        if log:
            bottom = max(bottom, top * 1e-9) if bottom <= 0 else bottom
        grid = _Grid(columns, rows, bottom, top, log)
        if self.weight > 0 and len(shown) <= 3:
            for n, curve in shown:
                raw = reduce(curve.series.steps, curve.series.values, low, high, dots, curve.series.gaps)
                grid.draw(raw, n, faint=True)
        for n, item in reversed(reduced):
            grid.draw(item, n, dots=self.curves[n].dots)
        return self._framed(grid, shown, (low, high), (bottom, top), width, margin)

    def _framed(
        self,
        grid: _Grid,
        shown: list[tuple[int, Curve]],
        x: tuple[int, int],
        y: tuple[float, float],
        width: int,
        margin: int,
    ) -> list[Strip]:
        legend: list[tuple[str, str]] = []
        for n, curve in shown:
            last = next((v for v in reversed(curve.values(self.weight)) if v == v), None)
            sign = f"{n + 1}━ " if glyphs().braille else f"{n + 1}{_SIGNS[n % len(_SIGNS)]} "
            value = f" {last:.4g}" if last is not None else ""
            legend += [(sign, f"bold {SERIES[n % len(SERIES)]}"), (curve.label, ""), (f"{value}   ", "bold")]
        if self.weight > 0:
            legend.append((_("smoothed {weight}", weight=f"{self.weight:g}"), "dim"))
        if self.logarithmic:
            legend.append(("  " + _("log scale"), "dim"))
        strips = [Strip(fit(self.app, tuple(legend), width))]
        for row in range(grid.rows):
            label = ""
            if row in (0, grid.rows - 1, grid.rows // 2) and (row != grid.rows // 2 or grid.rows > 6):
                label = f"{grid.value(row):.4g}"
            axis = fit(self.app, ((f"{label:>{margin - 1}} {glyphs().axis}", "dim"),), margin + 1)
            strips.append(Strip([*axis, *grid.segments(self.app, row)]))
        rule = " " * margin + glyphs().corner + glyphs().rule * grid.columns
        strips.append(Strip(fit(self.app, ((rule, "faint"),), width)))
        left, middle, right = str(x[0]), str((x[0] + x[1]) // 2), str(x[1])
        room = grid.columns - len(left) - len(right)
        text = (
            " " * (margin + 1) + left + (middle.center(room) if room > len(middle) + 4 else " " * max(1, room)) + right
        )
        strips.append(Strip(fit(self.app, ((text, "dim"),), width)))
        return strips


class _Grid:
    """Dots and who drew them, a cell at a time."""

    def __init__(self, columns: int, rows: int, low: float, high: float, log: bool) -> None:
        self.columns, self.rows, self._log = columns, rows, log
        self._fine = glyphs().braille
        self._dots = rows * (4 if self._fine else 1)
        self._low, self._high = (math.log(low), math.log(high)) if log else (low, high)
        self._bits = [[0] * columns for _ in range(rows)]
        self._who = [[(0, True)] * columns for _ in range(rows)]

    def value(self, row: int) -> float:
        """What a row stands for."""
        share = row / max(1, self.rows - 1)
        value = self._high - (self._high - self._low) * share
        return math.exp(value) if self._log else value

    def draw(self, reduced: Columns, who: int, *, faint: bool = False, dots: bool = False) -> None:
        """A curve, its gaps joined; with `dots` each value stands for itself."""
        last: tuple[int, int] | None = None
        for column, cell in enumerate(reduced.cells):
            if cell is None or (self._log and cell[1] <= 0):
                continue
            top, bottom, end = self._row(cell[1]), self._row(cell[0]), self._row(cell[2])
            if dots:
                self._blot(column, end, who)
            elif last is not None:
                self._join(last, (column, min(max(last[1], top), bottom)), who, faint)
            for row in range(top, bottom + 1):
                self._dot(column, row, who, faint)
            last = column, end

    def segments(self, app: Any, row: int) -> list[Segment]:
        """A row of cells, neighbours of one colour together."""
        found: list[Segment] = []
        text, style = "", None
        for column, bits in enumerate(self._bits[row]):
            who, faint = self._who[row][column]
            name = ("faint" if faint else SERIES[who % len(SERIES)]) if bits else ""
            sign = (chr(_BASE + bits) if self._fine else _SIGNS[who % len(_SIGNS)]) if bits else " "
            if name != style and text:
                found.append(Segment(text, style_of(app, style) if style else None))
                text = ""
            text, style = text + sign, name
        found.append(Segment(text, style_of(app, style) if style else None))
        return found

    def _row(self, value: float) -> int:
        if self._log:
            value = math.log(value) if value > 0 else self._low
        if self._high == self._low:
            return self._dots // 2
        share = (value - self._low) / (self._high - self._low)
        return self._dots - 1 - round(min(1.0, max(0.0, share)) * (self._dots - 1))

    def _join(self, start: tuple[int, int], end: tuple[int, int], who: int, faint: bool) -> None:
        row = start[1]
        for column in range(start[0] + 1, end[0] + 1):
            target = round(start[1] + (end[1] - start[1]) * (column - start[0]) / (end[0] - start[0]))
            for between in range(min(row, target), max(row, target) + 1):
                self._dot(column, between, who, faint)
            row = target

    def _blot(self, column: int, row: int, who: int) -> None:
        """A value large enough to be seen."""
        side = 2 if self._fine else 1
        for across in range(column, min(column + side, self.columns * side)):
            for down in range(row, min(row + side, self._dots)):
                self._dot(across, down, who, False)

    def _dot(self, column: int, row: int, who: int, faint: bool) -> None:
        across, down = (column // 2, row // 4) if self._fine else (column, row)
        self._bits[down][across] |= _DOTS[row % 4][column % 2] if self._fine else 1
        self._who[down][across] = (who, faint)
