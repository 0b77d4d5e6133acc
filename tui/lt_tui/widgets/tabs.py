"""A line of tabs, chosen by number, by arrow or by mouse."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from ..i18n import _
from ..palette import style_of
from .lines import overflow


class TabLine(Widget):
    """The names of what can be shown below it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "TabLine { height: 1; padding: 0 1; background: $surface; }"

    class Chosen(Message):
        """Another tab is to be shown."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.current = self.names[0]
        self._ends: list[int] = []

    def choose(self, name: str) -> None:
        """Shows a tab."""
        if name in self.names:
            self.current = name
            self.refresh()
            self.post_message(self.Chosen(name))

    def step(self, by: int) -> None:
        """The next one, or the one before."""
        self.choose(self.names[(self.names.index(self.current) + by) % len(self.names)])

    def render(self) -> Text:
        """The line."""
        line = Text(no_wrap=True, overflow=overflow(), end="")
        self._ends = []
        needed = sum(cell_len(_(name)) + 5 for name in self.names)
        before, after = (" ", "  ") if needed <= self.content_size.width else ("", " ")
        for n, name in enumerate(self.names):
            here = name == self.current
            line.append(f"{before}{n + 1} ", style_of(self.app, "key bold" if here else "faint"))
            line.append(_(name), style_of(self.app, "bold under" if here else "dim"))
            line.append(after)
            self._ends.append(line.cell_len)
        return line

    def on_click(self, event: events.Click) -> None:
        """The one that was clicked."""
        for name, end in zip(self.names, self._ends, strict=False):
            if event.x - 1 < end:
                self.choose(name)
                return
