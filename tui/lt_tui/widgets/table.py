"""A table that draws only the lines it shows.

Columns have fixed or shared widths and never measure their contents; a column's text is made for visible lines alone.
New items are compared with what stands on the screen, and only lines that differ are drawn again: that keeps a thousand
jobs that change every second at a few percent of a core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..filters import Filter
from ..glyphs import glyphs
from ..i18n import _
from ..palette import style_of
from ..text import Cell
from .columns import Column, Order, chosen, lying_over, ordered, shared_out
from .lines import fit

__all__ = ["Column", "Table"]

T = TypeVar("T")
_SIGNS = "123456789abcdefghijklmn"  # by which `o` names the columns


class Table(ScrollView, Generic[T], can_focus=True):
    """Lines of items under a heading, with a cursor, marks, a filter and an order."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Table { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="table.page-up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="table.page-down"),
        Binding("home,g", "end(-1)", "First", show=False, id="table.first"),
        Binding("end,G", "end(1)", "Last", show=False, id="table.last"),
        Binding("enter", "open", "Open", show=False, id="table.open"),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
        Binding("o", "order", "Sort: then the column's number", show=False, id="table.sort"),
    ]

    class Highlighted(Message):
        """The cursor stands on another item."""

        def __init__(self, table: Table[Any], key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table[Any]:
            """The table."""
            return self.table

    class Opened(Highlighted):
        """Enter or a double click on an item."""

    class Narrowed(Message):
        """The filter, or what passes it, or the marks have changed."""

    def __init__(self, columns: Sequence[Column[T]], key: Callable[[T], str], *, empty: str = "", **more: Any) -> None:
        super().__init__(**more)
        self.columns = tuple(columns)
        self.empty = empty  # what stands there when there is nothing
        self.marks: set[str] = set()
        self.filter = Filter("")
        self.order: Order = ()
        self._key = key
        self._all: Sequence[T] = ()
        self._items: list[T] = []
        self._index: dict[str, int] = {}
        self._cursor = 0
        self._drawn: dict[int, tuple[Any, ...]] = {}
        self._widths: list[tuple[int, int]] = []  # (column, cells)
        self._over: tuple[Column[T], int] | None = None  # lies over the columns from this place on
        self._shared = -1  # the width that they share
        self._choosing = False

    # What is in it

    def set_items(self, items: Sequence[T]) -> None:
        """Shows these. The cursor stays on its item; only lines that changed are drawn again."""
        current, passed = self.cursor_key, (len(self._all), len(self._items))
        was_seen = 0 <= self._cursor - self.scroll_offset.y < self.size.height - 1
        self._all = items
        self._items = self._arranged(items)
        self._index = {self._key(item): n for n, item in enumerate(self._items)}
        self.marks &= {self._key(item) for item in items} if self.marks else set()
        if current is not None and current in self._index:
            self._cursor = self._index[current]
        self._cursor = max(0, min(self._cursor, len(self._items) - 1))
        height = len(self._items) + 1
        if self.virtual_size.height != height or self.virtual_size.width != self.size.width:
            self.virtual_size = Size(self.size.width, height)
            self.refresh()
            self._drawn.clear()
        else:
            self._refresh_changed()
        if was_seen:
            self._see(self._cursor)
        if self.cursor_key != current:
            self._tell()
        if self.filter.terms and passed != (len(self._all), len(self._items)):
            self.post_message(self.Narrowed())

    def set_columns(self, columns: Sequence[Column[T]]) -> None:
        """Other columns, where these have other titles or widths."""
        if [(c.key, c.width) for c in columns] != [(c.key, c.width) for c in self.columns]:
            self.columns, self.order = tuple(columns), ()
            self.redraw()

    @property
    def items(self) -> list[T]:
        """What is shown, in its order."""
        return self._items

    @property
    def total(self) -> int:
        """How many there are, shown or not."""
        return len(self._all)

    @property
    def cursor_key(self) -> str | None:
        """The key of the item under the cursor."""
        return self._key(self._items[self._cursor]) if self._items else None

    @property
    def current(self) -> T | None:
        """The item under the cursor."""
        return self._items[self._cursor] if self._items else None

    @property
    def chosen(self) -> list[T]:
        """The marked items, or the one under the cursor where none is marked."""
        marked = [item for item in self._items if self._key(item) in self.marks]
        return marked or ([self._items[self._cursor]] if self._items else [])

    def select(self, key: str) -> bool:
        """Puts the cursor on an item; False if it is not there."""
        if key not in self._index:
            return False
        self._go(self._index[key])
        return True

    def set_filter(self, wanted: Filter) -> None:
        """Shows only what passes."""
        self.filter = wanted
        self.set_items(self._all)
        self.redraw()
        self.post_message(self.Narrowed())

    def names(self) -> tuple[str, ...]:
        """The columns' names, as filters know them."""
        return tuple(column.key for column in self.columns if column.key)

    def rows(self) -> list[list[str]]:
        """All that is shown as plain text, the headings first: for export and copying."""
        named = [column for column in self.columns if column.key]
        return [[column.key for column in named], *([column.told(item) for column in named] for item in self._items)]

    def _arranged(self, items: Sequence[T]) -> list[T]:
        found = [item for item in items if self._passes(item)] if self.filter.terms else items
        return ordered(found, self.columns, self.order)

    def _passes(self, item: T) -> bool:
        def field(name: str) -> str | None:
            return next((column.told(item) for column in self.columns if column.key == name), None)

        def whole() -> str:
            return " ".join(filter(None, (field(name) for name in self.names())))

        return self.filter.matches(whole, field)

    # Drawing

    def on_resize(self) -> None:
        """Widths follow the room there is."""
        self.virtual_size = Size(self.size.width, len(self._items) + 1)
        self.redraw()

    def render_line(self, y: int) -> Strip:
        """One line: the heading, an item, or nothing."""
        width = self.scrollable_content_region.width  # without the scrollbar, which would lie on the last column
        if self._shared != width:
            self._shared, self._widths = width, shared_out(self.columns, width)
            self._over = lying_over(self.columns, self._widths)
        if y == 0:
            return self._heading(width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._items):
            text = self._nothing() if not self._items and y == 2 else ""
            return Strip(fit(self.app, ((f"  {text}", "dim"),), width)).apply_style(self.rich_style)
        item = self._items[index]
        self._drawn[index] = self._state(item)
        return self._line(item, index, width)

    def _line(self, item: T, index: int, width: int) -> Strip:
        app = self.app
        key = self._key(item)
        over = None
        if index == self._cursor:
            over = style_of(app, "cursor" if self.has_focus else "cursor-idle")
        marked = key in self.marks
        segments = fit(app, ((glyphs().mark if marked else " ", "warn"),), 1, over=over)
        for spec, cell, room in self._cells(item):
            segments += fit(app, cell, room, right=spec.right, over=over)
            segments.append(Segment("  ", over))
        return Strip(segments).adjust_cell_length(width, over).apply_style(self.rich_style)

    def _cells(self, item: T) -> list[tuple[Column[T], Cell, int]]:
        """A line as its columns, what stands in them, and how wide each is."""
        shown = [(self.columns[n], room) for n, room in self._widths]
        if self._over is not None:
            spec, at = self._over
            if spec.over is not None and spec.over[1](item):
                shown[at:] = [(spec, sum(room + 2 for _spec, room in shown[at:]) - 2)]
        return [(spec, spec.cell(item, room), room) for spec, room in shown]

    def _nothing(self) -> str:
        if self.filter.terms and self._all:
            return _("Nothing here matches {filter}: escape takes the filter away.", filter=self.filter.text)
        return self.empty

    def _heading(self, width: int) -> Strip:
        segments = [Segment(" ")]
        for column, room in self._widths:
            spec = self.columns[column]
            title = _(spec.title)
            if self._choosing:
                title = f"{_SIGNS[column]}:{title}"
            for place, (by, down) in enumerate(self.order):
                if by == column and not self._choosing:
                    title += (glyphs().down if down else glyphs().up) + ("2" if place else "")
            segments += fit(self.app, ((title, "key bold" if self._choosing else "dim"),), room, right=spec.right)
            segments.append(Segment("  "))
        return Strip(segments).adjust_cell_length(width).apply_style(self.rich_style)

    def _state(self, item: T) -> tuple[Any, ...]:
        return tuple(cell for _spec, cell, _room in self._cells(item))

    def _refresh_changed(self) -> None:
        first = self.scroll_offset.y
        for y in range(1, self.size.height):
            index = first + y - 1
            if index >= len(self._items):
                break
            if self._drawn.get(index) != self._state(self._items[index]):
                self.refresh(Region(0, y, self.size.width, 1))

    def redraw(self) -> None:
        """Draws everything again."""
        self._shared = -1
        self._drawn.clear()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The heading stays, so everything is drawn again."""
        super().watch_scroll_y(old_value, new_value)
        self._drawn.clear()

    # Moving

    def _go(self, index: int) -> None:
        index = max(0, min(index, len(self._items) - 1))
        old, self._cursor = self._cursor, index
        self._see(index)
        for line in {old, index}:
            self.refresh(Region(0, line + 1 - self.scroll_offset.y, self.size.width, 1))
        if old != index:
            self._tell()

    def _see(self, index: int) -> None:
        """Scrolls so far that the line can be seen."""
        room = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + room:
            self.scroll_to(y=index - room + 1, animate=False, force=True)

    def _tell(self) -> None:
        if (key := self.cursor_key) is not None:
            self.post_message(self.Highlighted(self, key))

    def action_move(self, by: int) -> None:
        """Up or down."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self._go(self._cursor + by * max(1, self.size.height - 2))

    def action_end(self, side: int) -> None:
        """To the first or last line."""
        self._go(0 if side < 0 else len(self._items) - 1)

    def action_open(self) -> None:
        """Opens the item under the cursor."""
        if (key := self.cursor_key) is not None:
            self.post_message(self.Opened(self, key))

    def action_mark(self) -> None:
        """Marks the item or takes its mark away, and moves on."""
        if (key := self.cursor_key) is not None:
            self.marks ^= {key}
            self.post_message(self.Narrowed())
            self._go(self._cursor + 1)
            self.refresh()

    def action_order(self) -> None:
        """The next key, a number or letter, says which column to sort by; the same one again turns the order round."""
        self._choosing = not self._choosing
        self.refresh()

    def sort_by(self, column: int) -> None:
        """Sorts by a column, then by the one chosen before it; again, the other way; a third time not by it."""
        self.order = chosen(self.order, column)
        self.set_items(self._all)
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """The number after `o`."""
        if not self._choosing:
            return
        self._choosing = False
        self.redraw()
        column = _SIGNS.find(event.character) if event.character else -1
        if 0 <= column < len(self.columns):
            event.stop()
            event.prevent_default()
            self.sort_by(column)

    def on_click(self, event: events.Click) -> None:
        """A line: the cursor goes there; twice: it opens; with ctrl, or before it: it is marked. The heading: sorts."""
        if event.y == 0:
            at = 1
            for column, room in self._widths:
                if at <= event.x < at + room + 2:
                    self.sort_by(column)
                at += room + 2
            return
        index = event.y - 1 + self.scroll_offset.y
        if index < len(self._items):
            self._go(index)
            if event.x == 0 or event.ctrl:
                self.action_mark()
            elif event.chain == 2:
                self.action_open()

    def on_focus(self) -> None:
        """The cursor shows who has the keys."""
        self.refresh()

    def on_blur(self) -> None:
        """As `on_focus`."""
        self._choosing = False
        self.refresh()
