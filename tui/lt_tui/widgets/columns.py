"""The columns of a table: how an item becomes a cell, which columns there is room for, in which order items stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..text import Cell, plain

T = TypeVar("T")

#: (column, descending) of the columns that items are sorted by; the first counts most, the next parts what is equal.
Order = tuple[tuple[int, bool], ...]
KEYS = 2  # columns that count at once


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column: its name in filters, its title (translated when shown), and how an item becomes a cell.

    One without a name is a picture: it is neither filtered nor exported.
    """

    key: str
    title: str
    width: int
    cell: Callable[[T, int], Cell]  # the item and the width there is
    sort: Callable[[T], Any] | None = None  # None for what is not known: it stands last
    right: bool = False
    grow: int = 0  # its share of the room that is left over
    weight: int = 0  # the higher, the earlier it gives way where there is no room
    text: Callable[[T], str] | None = None  # for filters and files; else the cell's own text
    over: tuple[str, Callable[[T], bool]] | None = None  # having given way, it lies over those from this one on, if …

    def told(self, item: T) -> str:
        """The item's text in this column."""
        return self.text(item) if self.text else plain(self.cell(item, 40)).strip()

    def value(self, item: T) -> Any:
        """What it is sorted by."""
        return self.sort(item) if self.sort else self.told(item).casefold()


def shared_out(columns: Sequence[Column[Any]], width: int) -> list[tuple[int, int]]:
    """(column, cells) of those there is room for: those of the highest weight have gone first."""
    wanted = list(range(len(columns)))

    def needed() -> int:
        return 1 + sum(columns[n].width + 2 for n in wanted)

    while len(wanted) > 1 and needed() > width + 2:
        wanted.remove(max(wanted, key=lambda n: (columns[n].weight, n)))
    spare = max(0, width + 2 - needed())
    shares = sum(columns[n].grow for n in wanted) or 1
    return [(n, columns[n].width + spare * columns[n].grow // shares) for n in wanted]


def lying_over(columns: Sequence[Column[T]], widths: Sequence[tuple[int, int]]) -> tuple[Column[T], int] | None:
    """A column that had to give way and may lie over others, and where among those that are shown it begins."""
    shown = [columns[n].key for n, _room in widths]
    for column in columns:
        if column.over is not None and column.key not in shown and column.over[0] in shown:
            return column, shown.index(column.over[0])
    return None


def ordered(items: Sequence[T], columns: Sequence[Column[T]], order: Order) -> list[T]:
    """The items sorted by these columns; what is not known of one stands last, whichever way it is sorted."""
    found = list(items)
    for column, down in reversed(order):  # each sort keeps the order of equals, so the one that counts most comes last
        values = [columns[column].value(item) for item in found]
        known = sorted((n for n, value in enumerate(values) if value is not None), key=values.__getitem__, reverse=down)
        unknown = [item for item, value in zip(found, values, strict=True) if value is None]
        found = [found[n] for n in known] + unknown
    return found


def chosen(order: Order, column: int) -> Order:
    """The order after a person has chosen a column: it counts first, the one before it next.

    Chosen again it is turned round, and a third time it counts no more.
    """
    if order and order[0][0] == column:
        return order[1:] if order[0][1] else ((column, True), *order[1:])
    return ((column, False), *(item for item in order if item[0] != column))[:KEYS]
