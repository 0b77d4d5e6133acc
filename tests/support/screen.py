"""A Textual app's screen as text, and waiting for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

from rich.cells import cell_len

_CELL, _ROW, _FIRST = 12.2, 24.4, 20.0  # pixels of a cell in the framework's own picture, and where it begins
# The window's title has no length of its own, everything on the screen has.
_TEXT = re.compile(r'<text[^>]* x="([\d.]+)" y="([\d.]+)" textLength[^>]*>(.*?)</text>')


def picture(app: Any) -> list[str]:
    """What the screen shows, as lines of text; each character stands in its own cell, a wide one in two."""
    rows: dict[int, list[tuple[int, str]]] = {}
    for x, y, text in _TEXT.findall(app.export_screenshot()):
        cells = rows.setdefault(round((float(y) - _FIRST) / _ROW), [])
        cells.append((round(float(x) / _CELL), unescape(text).replace("\xa0", " ")))
    return [_line(rows.get(row, [])) for row in range(app.size.height)]


def shown(app: Any) -> str:
    """All of it as one text."""
    return "\n".join(picture(app))


def notices(app: Any) -> list[str]:
    """What the toasts on the screen say, not broken into their narrow lines."""
    return [str(toast.render()) for toast in app.screen.query("Toast") if toast.region.height]


async def settled(pilot: Any, check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Waits until `check` holds, while the app goes on. Raises AssertionError with the picture."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never came: {check}\n{shown(pilot.app)}")
        await pilot.pause(0.02)
    return value


def _line(parts: list[tuple[int, str]]) -> str:
    line = ""
    for column, text in sorted(parts):
        line += " " * (column - cell_len(line)) + text
    return line.rstrip()
