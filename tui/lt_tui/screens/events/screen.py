"""What happened, over all jobs, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from lt_controller.client import Client
from lt_controller.client.details import Event

from ...page import Page
from ...places import Place
from ...text import Cell, clock, event_text, sign
from ...widgets.bars import Heading, KeyBar, TopBar
from ...widgets.table import Column, Table

Line = tuple[str, Event]


class EventsScreen(Page):
    """Enter opens the job it happened to."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"jobs", "checkpoints"})
    PAUSE = 1.0

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Events")
        columns = [
            Column[Line]("time", "TIME", 14, lambda e, _w: ((clock(e[1].time), "dim"),)),
            Column[Line]("job", "JOB", 14, lambda e, _w: ((e[0], "bold"),), grow=1),
            Column[Line]("host", "HOST", 10, lambda e, _w: e[1].host or "", weight=1),
            Column[Line]("what", "WHAT", 24, _what, grow=3, text=lambda e: f"{e[1].code} {_plain(e)}"),
        ]
        yield Table[Line](columns, _key, id="events-list")
        yield KeyBar()

    def read(self, client: Client) -> Sequence[Line]:
        """The newest ones."""
        return client.recent_events()

    def show(self, data: Sequence[Line]) -> None:
        """Fills the table."""
        self.query_one(Table).set_items(data)

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the job."""
        line: Line | None = event.table.current
        if line is not None and line[0]:
            self.lt.go(Place("job", line[0]))


def _key(line: Line) -> str:
    return f"{line[0]}/{line[1].attempt}/{line[1].time}/{line[1].code}/{line[1].params}"


def _what(line: Line, _width: int) -> Cell:
    item = line[1]
    colour = sign(str(item.params.get("state")))[1] if item.code == "state" else ""
    return ((event_text(item.code, item.params), colour),)


def _plain(line: Line) -> str:
    return event_text(line[1].code, line[1].params)
