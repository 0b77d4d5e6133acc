"""A log that is read where one looks: by byte offset, a screenful at a time, whatever its length.

The view stands on the offset of its first line. Scrolling asks for the lines before or after it, the end is found from
the end, and only visible lines are decoded and made safe. The bar at the right shows bytes, not lines: nobody has
counted those.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual import events, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from lt_controller.client import Client
from lt_controller.client.loglines import LogLine, LogLines

from ..glyphs import glyphs
from ..i18n import _
from ..palette import style_of
from ..text import clock, safe
from .lines import fit

if TYPE_CHECKING:
    from ..app import LtApp

_LOUD = re.compile(r"\b(error|exception|traceback|fatal|failed|nan|oom)\b", re.IGNORECASE)
_WARN = re.compile(r"\bwarn(ing)?\b", re.IGNORECASE)
_END = -1  # as an offset: the end, wherever it is


@dataclass(frozen=True)
class _Window:
    lines: list[LogLine]
    size: int
    at_end: bool


class LogView(Widget, can_focus=True):
    """The log of one attempt. `follow` keeps the end in sight as it grows."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "LogView { height: 1fr; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_by(-1)", "Up", show=False, id="log.up"),
        Binding("down,j", "scroll_by(1)", "Down", show=False, id="log.down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="log.page-up"),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False, id="log.page-down"),
        Binding("home,g", "to(0)", "Beginning", show=False, id="log.first"),
        Binding("end,G", "to(-1)", "End", show=False, id="log.last"),
        Binding("left,h", "sideways(-8)", "Left", show=False, id="log.left"),
        Binding("right,l", "sideways(8)", "Right", show=False, id="log.right"),
        Binding("f", "follow", "Follow", id="log.follow"),
        Binding("ctrl+w", "wrap", "Wrap", id="log.wrap"),
        Binding("T", "times", "Times", show=False, id="log.times"),
        Binding("ctrl+n", "find(1)", "Next match", show=False, id="log.next"),
        Binding("N", "find(-1)", "Match before", show=False, id="log.before"),
    ]

    class Moved(Message):
        """Another part is shown."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.follow = True
        self.wrap = False
        self.pattern: re.Pattern[str] | None = None  # what `/` looks for
        self.only = False  # show matching lines alone
        self.stamped = False  # by when each line had been printed
        self.lines: list[LogLine] = []
        self.log_size = 0
        self.at_end = True
        self._shift = 0
        self._source: tuple[str, int] | None = None
        self._reader: LogLines | None = None
        self._wanted: list[Callable[[LogLines, int], _Window]] = []
        self._busy = False
        self._rows: list[tuple[str, str, str]] = []  # (text, tone, time)
        self._stamps: dict[int, str] = {}  # by a line's offset

    # What is shown

    def open(self, job: str, attempt: int) -> None:
        """Shows the log of an attempt, from its end while `follow` is on."""
        if self._source != (job, attempt):
            self._source, self._reader, self.lines = (job, attempt), None, []
        self.grown()

    def grown(self) -> None:
        """There may be more of it now."""
        if self.follow:
            self.action_to(_END)
        else:
            top = self.lines[0].offset if self.lines else 0
            self._ask(lambda log, room: self._from(log, top, room))

    def find(self, pattern: re.Pattern[str] | None, *, only: bool) -> None:
        """Marks what matches; with `only` the rest is hidden."""
        changed = (pattern, only) != (self.pattern, self.only)
        self.pattern, self.only = pattern, only
        if changed:
            self.grown()
            self.refresh()

    @property
    def text(self) -> str:
        """What is visible, as text."""
        return "\n".join(safe(line.data) for line in self.lines)

    def _match(self) -> re.Pattern[bytes] | None:
        if self.pattern is None or not self.only:
            return None
        return re.compile(self.pattern.pattern.encode(), self.pattern.flags & re.IGNORECASE)

    # Reading, in the reading thread

    def _ask(self, question: Callable[[LogLines, int], _Window]) -> None:
        self._wanted.append(question)
        if not self._busy and self._source is not None:
            self._busy = True
            self._read()

    @work(exclusive=False, exit_on_error=False)
    async def _read(self) -> None:
        app: LtApp = self.app  # type: ignore[assignment]
        try:
            while self._wanted and self._source is not None:
                questions, self._wanted = self._wanted, []
                room = max(1, self.size.height)
                source = self._source

                def answer(client: Client, source: tuple[str, int] = source, room: int = room) -> _Window | None:
                    if self._reader is None:
                        self._reader = client.log_lines(*source)
                    found = None
                    for question in questions:  # noqa: B023
                        found = question(self._reader, room)
                        self.lines = found.lines
                    if found is not None and self.stamped:
                        known = self._reader.times(found.lines)
                        self._stamps = {line.offset: clock(at) for line, at in zip(found.lines, known, strict=True)}
                    return found

                window = await app.feed.read(answer)
                if window is not None and source == self._source:
                    self._show(window)
        finally:
            self._busy = False

    def _from(self, log: LogLines, top: int, room: int) -> _Window:
        lines = log.after(top, room, self._match())
        size = log.size()
        if len(lines) < room:  # near the end: fill the screen from there
            lines = log.before(size, room, self._match())
        return _Window(lines, size, not lines or not log.after(lines[-1].end, 1, self._match()))

    def _end(self, log: LogLines, room: int) -> _Window:
        size = log.size()
        return _Window(log.before(size, room, self._match()), size, True)

    def _moved(self, log: LogLines, by: int, room: int) -> _Window:
        if not self.lines:
            return self._from(log, 0, room)
        if by < 0:
            before = log.before(self.lines[0].offset, -by, self._match())
            return self._from(log, before[0].offset if before else self.lines[0].offset, room)
        ahead = log.after(self.lines[0].offset, by + 1, self._match())
        return self._from(log, ahead[-1].offset if ahead else self.lines[0].offset, room)

    def _found(self, log: LogLines, side: int, room: int) -> _Window:
        if self.pattern is None or not self.lines:
            return self._from(log, self.lines[0].offset if self.lines else 0, room)
        match = re.compile(self.pattern.pattern.encode(), self.pattern.flags & re.IGNORECASE)
        first = self.lines[0]
        hits = log.after(first.end, 1, match) if side > 0 else log.before(first.offset, 1, match)
        return self._from(log, hits[0].offset if hits else first.offset, room)

    def _show(self, window: _Window) -> None:
        self.lines, self.log_size, self.at_end = window.lines, window.size, window.at_end
        self._rows = []
        self.refresh()
        self.post_message(self.Moved())

    # Drawing

    def render_line(self, y: int) -> Strip:
        """A line of the log, with the bar at its right."""
        width = self.content_size.width
        if not self._rows and self.lines:
            self._rows = self._laid_out(width - 2 - self._margin)
        if y >= len(self._rows):
            text = _("Nothing was printed yet.") if y == 0 and not self.lines else ""
            return Strip(fit(self.app, ((text, "dim"),), width)).apply_style(self.rich_style)
        text, tone, stamp = self._rows[y]
        segments = fit(self.app, ((stamp, "dim"),), self._margin) if self._margin else []
        segments += self._coloured(text, tone, width - 2 - self._margin)
        return Strip([*segments, self._bar(y)]).adjust_cell_length(width).apply_style(self.rich_style)

    @property
    def _margin(self) -> int:
        """Cells for the times, and one of space."""
        return (max((len(stamp) for stamp in self._stamps.values()), default=0) or 8) + 1 if self.stamped else 0

    def _laid_out(self, width: int) -> list[tuple[str, str, str]]:
        height = self.content_size.height
        rows: list[tuple[str, str, str]] = []
        last = ""
        for line in self.lines:
            text = safe(line.data.replace(b"\t", b"    "))
            began = len(rows)
            tone = "bad" if _LOUD.search(text) else "warn" if _WARN.search(text) else ""
            if self.wrap and cell_len(text) > width:
                rows += [(part, tone, "") for part in chop_cells(text, max(4, width))]
            else:
                rows.append((text[self._shift :], tone, ""))
            stamp = self._stamps.get(line.offset, "") if self.stamped else ""
            if stamp != last:
                rows[began] = (*rows[began][:2], stamp)  # times stand where they change: ten seconds share one
                last = stamp
        return rows[-height:] if self.at_end and self.wrap else rows[:height]

    def _coloured(self, text: str, tone: str, width: int) -> list[Segment]:
        if self.pattern is None:
            return fit(self.app, ((text, tone),), width)
        parts: list[tuple[str, str]] = []
        at = 0
        for hit in self.pattern.finditer(text):
            if hit.end() > hit.start():
                parts += [(text[at : hit.start()], tone), (hit.group(), "reverse")]
                at = hit.end()
        return fit(self.app, (*parts, (text[at:], tone)), width)

    def _bar(self, y: int) -> Segment:
        height = max(1, self.content_size.height)
        top = self.lines[0].offset / max(1, self.log_size)
        end = self.lines[-1].end / max(1, self.log_size)
        inside = int(top * height) <= y <= max(int(top * height), int(end * height) - 1)
        return Segment(" " + ("┃" if glyphs().braille else "#") if inside else "  ", style_of(self.app, "faint"))

    # Keys

    def action_scroll_by(self, by: int) -> None:
        """Lines up or down. Upwards is away from the end: following stops."""
        self.follow = self.follow and by > 0
        self._ask(lambda log, room: self._moved(log, by, room))

    def action_page(self, by: int) -> None:
        """A screenful."""
        self.action_scroll_by(by * max(1, self.size.height - 1))

    def action_to(self, offset: int) -> None:
        """To the beginning, or the end; the end is followed."""
        self.follow = offset == _END
        if offset == _END:
            self._ask(self._end)
        else:
            self._ask(lambda log, room: self._from(log, log.start_of(offset), room))

    def action_sideways(self, by: int) -> None:
        """Left or right, where lines are not wrapped."""
        self._shift = max(0, self._shift + by)
        self._rows = []
        self.refresh()

    def action_follow(self) -> None:
        """Follows the end, or stays."""
        self.follow = not self.follow
        if self.follow:
            self.action_to(_END)
        self.post_message(self.Moved())

    def action_wrap(self) -> None:
        """Long lines in several rows, or cut."""
        self.wrap, self._shift, self._rows = not self.wrap, 0, []
        self.refresh()

    def action_times(self) -> None:
        """By when each line had been printed, or not."""
        self.stamped = not self.stamped
        self._stamps, self._rows = {}, []
        self.grown()
        self.refresh()

    def action_find(self, side: int) -> None:
        """To the next line that matches, or the one before."""
        self.follow = False
        self._ask(lambda log, room: self._found(log, side, room))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll_by(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll_by(3)

    def on_click(self, event: events.Click) -> None:
        """On the bar: there."""
        if event.x >= self.content_size.width - 1:
            self.action_to(int(event.y / max(1, self.size.height) * self.log_size))

    def on_resize(self) -> None:
        """There is more or less room."""
        self._rows = []
        if self._source is not None:
            self.grown()
