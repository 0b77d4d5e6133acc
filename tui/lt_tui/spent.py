"""Hours and money in lines and numbers, for the screens that tell what was spent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .glyphs import glyphs
from .i18n import _
from .text import Span

Line = tuple[Span, ...]
#: Midnight of a day, what ran in it, what was idle: as `Books.days` tells it, each with `hours` and `cost`.
Day = tuple[datetime, Any, Any]


def money(value: float | None) -> str:
    """A sum in the unit of the hosts' prices; `?` where no price is known."""
    return "?" if value is None else f"{value:.2f}"


def hours(value: float) -> str:
    """So many hours; nothing for none."""
    return f"{value:.1f}" if value >= 0.05 else f"{value:.3f}" if value else ""


def day_lines(days: Sequence[Day], width: int, rows: int) -> list[Line]:
    """The last days, a bar each: thick for what ran, thin for what was idle. Hours where nothing has a price."""
    shown = list(days)[-rows:]
    priced = any(busy.cost + idle.cost for _day, busy, idle in shown)

    def value(charge: Any) -> float:
        return float(charge.cost if priced else charge.hours)

    most = max((value(busy) + value(idle) for _day, busy, idle in shown), default=0.0)
    room = max(8, min(60, width - 36))
    lines: list[Line] = []
    for day, busy, idle in reversed(shown):
        full = round(value(busy) / most * room) if most else 0
        thin = round((value(busy) + value(idle)) / most * room) - full if most else 0
        total = value(busy) + value(idle)
        told = money(total) if priced else f"{hours(total) or '0'} h"
        rest: list[Span] = [(" " * (room - full - thin), ""), (f"  {told:>8}", "bold" if total else "faint")]
        if value(idle):
            rest.append((f"   {_('idle')} {money(value(idle)) if priced else hours(value(idle)) + ' h'}", "dim"))
        marks = ((glyphs().full * full, "run"), (glyphs().empty * thin, "warn"))
        lines.append(((f"{day:%m-%d}  ", "dim"), *marks, *rest))
    return lines
