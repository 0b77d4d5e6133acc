"""The first and the last line: where one is, and which keys do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.widget import Widget

from ..glyphs import glyphs
from ..i18n import _
from ..palette import style_of
from ..text import Span, safe, wrapped
from .lines import overflow, rich_line

if TYPE_CHECKING:
    from ..page import Page


#: Keys that stand at the right end, however little room there is: from there one finds all else.
PINNED = ("go.jump", "go.help")


class TopBar(Widget):
    """`lt › fleet › job x`; at the right how the table is narrowed, and a word on how things are."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "TopBar { height: 1; text-wrap: nowrap; dock: top; background: $panel; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.right: tuple[Span, ...] = ()

    def say(self, right: tuple[Span, ...]) -> None:
        """Changes what stands at the right."""
        if right != self.right:
            self.right = right
            self.refresh()

    def render(self) -> Text:
        """The line."""
        app: Any = self.app
        crumbs: list[Span] = [("lt", "head bold")]
        names: list[str] = app.crumbs
        for n, name in enumerate(names):
            crumbs += [(f" {glyphs().sep} ", "faint"), (name, "bold" if n == len(names) - 1 else "dim")]
        page: Page = self.screen  # type: ignore[assignment]
        left, right = rich_line(app, crumbs), rich_line(app, (*page.narrowed(), *self.right))
        room = self.content_size.width - left.cell_len - right.cell_len
        if room < 2:
            left.truncate(max(4, self.content_size.width - right.cell_len - 2), overflow=overflow())
            room = self.content_size.width - left.cell_len - right.cell_len
        return Text.assemble(left, " " * max(1, room), right, no_wrap=True, overflow=overflow(), end="")


class KeyBar(Widget):
    """The keys of this screen, made from its live bindings; a click on one presses it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "KeyBar { height: 1; text-wrap: nowrap; dock: bottom; background: $panel; padding: 0 1; }"

    def on_mount(self) -> None:
        """Bindings change with the focus."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh())

    def render(self) -> Text:
        """The line, as much as there is room for."""
        page: Page = self.screen  # type: ignore[assignment]
        shown = [active.binding for active in page.active_bindings.values() if active.binding.show and active.enabled]
        shown.sort(key=lambda binding: page.FIRST.index(binding.id) if binding.id in page.FIRST else len(page.FIRST))
        line, pinned = Text(no_wrap=True, overflow=overflow(), end=""), Text(end="")
        self._keys: list[tuple[int, int, str]] = []  # where each one begins and ends
        at_the_right: list[tuple[int, int, str]] = []
        width = self.content_size.width
        for binding in [item for item in shown if item.id in PINNED]:
            before = pinned.cell_len
            pinned.append_text(self._part(binding))
            at_the_right.append((before, pinned.cell_len, binding.key))
        if pinned:
            pinned.right_crop(2)
        seen: set[str] = set()
        for binding in shown:
            if binding.action in seen or binding.id in PINNED:
                continue
            seen.add(binding.action)
            part = self._part(binding)
            if line.cell_len + part.cell_len + pinned.cell_len > width:
                continue  # a shorter one may still have room
            self._keys.append((line.cell_len, line.cell_len + part.cell_len, binding.key))
            line.append_text(part)
        line.append(" " * max(0, width - line.cell_len - pinned.cell_len))
        self._keys += [(line.cell_len + start, line.cell_len + end, key) for start, end, key in at_the_right]
        return line.append_text(pinned)

    def _part(self, binding: Binding) -> Text:
        key = self.app.get_key_display(binding)
        return Text.assemble(
            (key, style_of(self.app, "key bold")),
            (" " + _(binding.description) + "  ", style_of(self.app, "dim")),
        )

    async def on_click(self, event: events.Click) -> None:
        """Presses the key that was clicked."""
        at = event.x - self.styles.padding.left
        for start, end, key in self._keys:
            if start <= at < end:
                await self.app.action_simulate_key(key)
                return


class Heading(Widget):
    """One line above a part of a screen, with a rule to its right."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Heading { height: 1; padding: 0 1; }"

    def __init__(self, title: str, **more: Any) -> None:
        super().__init__(**more)
        self.title = title
        self.note: tuple[Span, ...] = ()

    def say(self, *note: Span, title: str | None = None) -> None:
        """Changes what stands behind the title."""
        if title is not None:
            self.title = title
        self.note = note
        self.refresh()

    def render(self) -> Text:
        """The line."""
        width = self.content_size.width
        text = rich_line(self.app, [(_(self.title), "head bold"), ("  " if self.note else "", ""), *self.note])
        rule = glyphs().rule * max(0, width - text.cell_len - 1)
        text.append(" " + rule, style_of(self.app, "faint"))
        text.truncate(width)
        return text


class Lines(Widget):
    """Lines of spans, as given; with `wraps` a line of one span is broken where there is no more room, with `flows`
    every line where three spaces part what it says."""

    DEFAULT_CSS = "Lines { height: auto; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"

    def __init__(self, *, wraps: bool = False, flows: bool = False, **more: Any) -> None:
        super().__init__(**more)
        self.wraps = wraps
        self.flows = flows
        self.lines: tuple[tuple[Span, ...], ...] = ()

    def say(self, *lines: tuple[Span, ...]) -> None:
        """Shows these lines."""
        if lines != self.lines:
            grown = self.wraps or self.flows or len(lines) != len(self.lines)
            self.lines = lines
            self.refresh(layout=grown)

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        """As many as there are lines."""
        return len(self._rows(width))

    def render(self) -> Text:
        """The lines, each cut at the edge."""
        rows = self._rows(self.content_size.width)
        return Text("\n", no_wrap=True, overflow=overflow()).join(rich_line(self.app, line) for line in rows)

    def _rows(self, width: int) -> list[tuple[Span, ...]]:
        rows: list[tuple[Span, ...]] = []
        for line in self.lines:
            if self.flows:
                rows += flowed(line, width)
                continue
            if not self.wraps or len(line) != 1:
                rows.append(line)
                continue
            text, style = line[0]
            indent = " " * (len(text) - len(text.lstrip()))
            parts = wrapped(safe(text), width - len(indent)) or [""]
            rows += [((indent + part, style),) for part in parts]
        return rows


def flowed(line: tuple[Span, ...], width: int) -> list[tuple[Span, ...]]:
    """A line in as many as it needs: broken where three spaces part its spans, and indented from the second on."""
    rows: list[tuple[Span, ...]] = []
    row: list[Span] = []
    used = 0
    for part in _parts(line):
        room = sum(cell_len(safe(text)) for text, _style in part)
        if row and used + room > width + (3 if part[-1][0].endswith("   ") else 0):
            rows.append(_trimmed(row))
            first, *rest = part
            part = [("  " + first[0].lstrip(), first[1]), *rest]
            row, used = [], 0
        row += part
        used += sum(cell_len(safe(text)) for text, _style in part)
    return [*rows, _trimmed(row)]


def _trimmed(row: list[Span]) -> tuple[Span, ...]:
    """Without the spaces that would have parted it from what is in the next one."""
    return (*row[:-1], (row[-1][0].rstrip(), row[-1][1])) if row else ()


def _parts(line: tuple[Span, ...]) -> list[list[Span]]:
    parts: list[list[Span]] = []
    for n, span in enumerate(line):
        if not parts or span[0].startswith("   ") or line[n - 1][0].endswith("   "):
            parts.append([])
        parts[-1].append(span)
    return parts
