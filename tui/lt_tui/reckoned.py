"""What the screens share that add up the past: by what it is added up, and how far back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from textual.binding import Binding, BindingType

from lt_controller.client import clock

from .i18n import N_, _
from .page import Page
from .places import Place
from .widgets.tabs import TabLine

#: How far back is looked: its name, and days; None is to the beginning.
SPANS: tuple[tuple[str, int | None], ...] = (
    (N_("all of it"), None),
    (N_("the last 30 days"), 30),
    (N_("the last 7 days"), 7),
    (N_("the last day"), 1),
)


class ReckonedPage(Page):
    """A tab for each thing by which it can be added up; `b` changes how far back is looked."""

    TABS: ClassVar[tuple[str, ...]] = ()
    PAUSE = 0.2
    EVERY = 0
    AGAIN = 20.0
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n + 1), f"number({n})", "Tab", show=False, id=f"reckoned.tab-{n + 1}") for n in range(4)),
        Binding("tab", "turn(1)", "Next tab", id="reckoned.tab"),
        Binding("shift+tab", "turn(-1)", "Tab before", show=False, id="reckoned.tab-before"),
        Binding("b", "span", "How far back", id="reckoned.span"),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._span = 0

    @property
    def by(self) -> str:
        """By what it is added up."""
        return self.query_one(TabLine).current

    @property
    def span(self) -> str:
        """How far back, in words."""
        return _(SPANS[self._span][0])

    @property
    def since(self) -> datetime | None:
        """From when on; None: from the beginning."""
        days = SPANS[self._span][1]
        return clock.now() - timedelta(days=days) if days is not None else None

    def on_tab_line_chosen(self) -> None:
        """Another tab: added up anew."""
        self.reread()

    def action_number(self, number: int) -> None:
        """By number."""
        if number < len(self.TABS):
            self.query_one(TabLine).choose(self.TABS[number])

    def action_turn(self, by: int) -> None:
        """The next tab."""
        self.query_one(TabLine).step(by)

    def action_span(self) -> None:
        """Less far back, then all of it again."""
        self._span = (self._span + 1) % len(SPANS)
        self.reread()
