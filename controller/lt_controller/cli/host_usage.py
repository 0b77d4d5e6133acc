"""How busy a host was, drawn in a line for each thing that was measured."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..wording import phrase
from ..wording.headings import heading
from .output import emit, on_terminal

if TYPE_CHECKING:
    from ..client import Client

_WIDEST = 96  # a quarter of an hour each, of a day


def show_usage(client: Client, host: str, since: datetime | None = None, title: str = "") -> bool:
    """Prints it (the last day, or `since`), if anything was measured; whether it was. A pipe gets the means alone."""
    from rich.cells import cell_len

    from ..client import clock
    from ..client.usage import lines, mean

    found = client.usage(host, since)
    if not found:
        return False
    if not on_terminal():
        for name, points in found.items():
            emit(f"use {name}\t{mean(points):.0f}%")
        return True
    now = clock.now()
    width = max(10, min(_WIDEST, shutil.get_terminal_size((100, 30)).columns - 20))
    emit(f"\n{title or phrase('usage_day')}")
    names = {name: heading(name) for name in found}
    longest = max(cell_len(name) for name in names.values())
    for name, text in lines(found, since or now - timedelta(days=1), now, width):
        emit(f"{names[name]}{' ' * (longest - cell_len(names[name]))}  {text}")
    return True
