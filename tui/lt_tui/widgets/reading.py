"""Text that may be longer than its place: it moves by the keys of a table, and by the wheel."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll


class Scroll(VerticalScroll):
    """Whatever lies in it, to be read up and down."""

    DEFAULT_CSS = "Scroll { scrollbar-size-vertical: 1; background: $background; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="text.up"),
        Binding("down,j", "scroll_down", "Down", show=False, id="text.down"),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False, id="text.page-up"),
        Binding("pagedown,ctrl+f,space", "page_down", "Page down", show=False, id="text.page-down"),
        Binding("home,g", "scroll_home", "Beginning", show=False, id="text.first"),
        Binding("end,G", "scroll_end", "End", show=False, id="text.last"),
    ]
