"""A table that draws only the lines it shows.

Columns have fixed or shared widths and never measure their contents; a column's text is made for visible lines alone.
New items are compared with what stands on the screen, and only lines that differ are drawn again: that keeps a thousand
jobs that change every second at a few percent of a core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from ..text import Cell, plain
from .lines import fit

T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column: its name in filters, its title (translated when shown), and how an item becomes a cell."""

    key: str
    title: str
    width: int
    cell: Callable[[T, int], Cell]  # the item and the width there is
    sort: Callable[[T], Any] | None = None
    right: bool = False
    grow: int = 0  # its share of the room that is left over
    weight: int = 0  # the higher, the earlier it gives way where there is no room
    text: Callable[[T], str] | None = None  # for filters; else the cell's own text


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

    class Marked(Message):
        """Marks were set or taken away."""

    def __init__(self, columns: Sequence[Column[T]], key: Callable[[T], str], *, empty: str = "", **more: Any) -> None:
        super().__init__(**more)
        self.columns = tuple(columns)
        self.empty = empty  # what stands there when there is nothing
        self.marks: set[str] = set()
        self.filter = Filter("")
        self.order: tuple[int, bool] | None = None  # (column, descending)
        self._key = key
        self._all: Sequence[T] = ()
        self._items: list[T] = []
        self._index: dict[str, int] = {}
        self._cursor = 0
        self._drawn: dict[int, tuple[Any, ...]] = {}
        self._widths: list[tuple[int, int]] = []  # (column, cells)
        self._shared = -1  # the width that they share
        self._choosing = False

    # What is in it

    def set_items(self, items: Sequence[T]) -> None:
        """Shows these. The cursor stays on its item; only lines that changed are drawn again."""
        current = self.cursor_key
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
        if self.cursor_key != current:
            self._tell()

    def set_columns(self, columns: Sequence[Column[T]]) -> None:
        """Other columns, where these have other titles or widths."""
        if [(c.key, c.width) for c in columns] != [(c.key, c.width) for c in self.columns]:
            self.columns, self.order = tuple(columns), None
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

    def names(self) -> tuple[str, ...]:
        """The columns' names, as filters know them."""
        return tuple(column.key for column in self.columns)

    def rows(self) -> list[list[str]]:
        """All that is shown as plain text, the headings first: for export and copying."""
        head = [column.key for column in self.columns]
        return [head, *([plain(column.cell(item, 24)).strip() for column in self.columns] for item in self._items)]

    def _arranged(self, items: Sequence[T]) -> list[T]:
        found = [item for item in items if self._passes(item)] if self.filter.terms else list(items)
        if self.order is not None:
            column, down = self.order
            sort = self.columns[column].sort or (lambda item: plain(self.columns[column].cell(item, 40)))
            known = [(value, n, item) for n, item in enumerate(found) if (value := sort(item)) is not None]
            unknown = [item for item in found if sort(item) is None]
            known.sort(key=lambda entry: entry[0], reverse=down)
            found = [item for *_rest, item in known] + unknown
        return found

    def _passes(self, item: T) -> bool:
        def field(name: str) -> str | None:
            for column in self.columns:
                if column.key == name:
                    return column.text(item) if column.text else plain(column.cell(item, 40))
            return None

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
            self._shared, self._widths = width, self._shared_out(width)
        if y == 0:
            return self._heading(width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._items):
            text = self.empty if not self._items and y == 2 else ""
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
        for column, room in self._widths:
            spec = self.columns[column]
            segments += fit(app, spec.cell(item, room), room, right=spec.right, over=over)
            segments.append(Segment("  ", over))
        return Strip(segments).adjust_cell_length(width, over).apply_style(self.rich_style)

    def _heading(self, width: int) -> Strip:
        segments = [Segment(" ")]
        for column, room in self._widths:
            spec = self.columns[column]
            title = _(spec.title)
            if self._choosing:
                title = f"{column + 1}:{title}"
            elif self.order is not None and self.order[0] == column:
                title += glyphs().down if self.order[1] else glyphs().up
            segments += fit(self.app, ((title, "key bold" if self._choosing else "dim"),), room, right=spec.right)
            segments.append(Segment("  "))
        return Strip(segments).adjust_cell_length(width).apply_style(self.rich_style)

    def _shared_out(self, width: int) -> list[tuple[int, int]]:
        """Which columns there is room for, and how wide: those of the highest weight go first."""
        wanted = list(range(len(self.columns)))

        def needed() -> int:
            return 1 + sum(self.columns[n].width + 2 for n in wanted)

        while len(wanted) > 1 and needed() > width + 2:
            wanted.remove(max(wanted, key=lambda n: (self.columns[n].weight, n)))
        spare = max(0, width + 2 - needed())
        shares = sum(self.columns[n].grow for n in wanted) or 1
        return [(n, self.columns[n].width + spare * self.columns[n].grow // shares) for n in wanted]

    def _state(self, item: T) -> tuple[Any, ...]:
        return tuple(self.columns[column].cell(item, room) for column, room in self._widths)

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
        room = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + room:
            self.scroll_to(y=index - room + 1, animate=False, force=True)
        for line in {old, index}:
            self.refresh(Region(0, line + 1 - self.scroll_offset.y, self.size.width, 1))
        if old != index:
            self._tell()

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
            self.post_message(self.Marked())
            self._go(self._cursor + 1)
            self.refresh()

    def action_order(self) -> None:
        """The next key, a number, says which column to sort by; the same one again turns the order round."""
        self._choosing = not self._choosing
        self.refresh()

    def sort_by(self, column: int) -> None:
        """Sorts by a column; again, the other way; a third time, not at all."""
        if self.order is None or self.order[0] != column:
            self.order = (column, False)
        else:
            self.order = None if self.order[1] else (column, True)
        self.set_items(self._all)
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """The number after `o`."""
        if not self._choosing:
            return
        self._choosing = False
        self.redraw()
        if event.key.isdigit() and 0 < int(event.key) <= len(self.columns):
            event.stop()
            event.prevent_default()
            self.sort_by(int(event.key) - 1)

    def on_click(self, event: events.Click) -> None:
        """A line: the cursor goes there; twice: it opens. The heading: sorts."""
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
            if event.chain == 2:
                self.action_open()

    def on_focus(self) -> None:
        """The cursor shows who has the keys."""
        self.refresh()

    def on_blur(self) -> None:
        """As `on_focus`."""
        self._choosing = False
        self.refresh()
