"""From cells to a line of the terminal: made safe, cut to a width in cells, coloured by meaning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from ..glyphs import glyphs
from ..palette import style_of
from ..text import Cell, Span, safe

if TYPE_CHECKING:
    from textual.app import App


def spans(cell: Cell) -> tuple[Span, ...]:
    """A cell as spans."""
    return ((cell, ""),) if isinstance(cell, str) else cell


def fit(app: App[Any], cell: Cell, width: int, *, right: bool = False, over: Style | None = None) -> list[Segment]:
    """A cell as segments of exactly `width` cells; what is too long ends in `…`. `over` lies on top of its colours."""
    found: list[Segment] = []
    left = width
    parts = [(safe(text), style) for text, style in spans(cell)]
    total = sum(cell_len(text) for text, _ in parts)
    if right and total < width:
        found.append(Segment(" " * (width - total), over))
        left = total
    for text, name in parts:
        length = cell_len(text)
        style = style_of(app, name) if name else Style.null()
        if over is not None:
            style = style + over
        if length > left or (total > width and length == left):
            cut = glyphs().cut
            found.append(Segment((set_cell_size(text, left - 1) + cut) if left > 0 else "", style))
            left = 0
            break
        found.append(Segment(text, style))
        left -= length
    if left > 0 and not (right and total < width):
        found.append(Segment(" " * left, over))
    return found


def overflow() -> Literal["ellipsis", "crop"]:
    """How a line ends that is too long: the sign for that is one of those some terminals lack."""
    return "ellipsis" if glyphs().braille else "crop"


def rich_line(app: App[Any], parts: Iterable[Span], *, end: str = "") -> Text:
    """Spans as one rich text, for widgets that render such."""
    text = Text(no_wrap=True, overflow=overflow(), end=end)
    for part, name in parts:
        text.append(safe(part), style_of(app, name) if name else "")
    return text


def rich_lines(app: App[Any], lines: Iterable[Iterable[Span]]) -> Text:
    """Several lines of spans."""
    return Text("\n").join(rich_line(app, line) for line in lines)
