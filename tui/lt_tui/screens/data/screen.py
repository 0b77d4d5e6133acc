"""Data snapshots: what was recorded from where, and which hosts have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from lt_controller.client import Client
from lt_controller.client.details import Snapshot

from ...i18n import _
from ...page import Page
from ...text import Cell, short_ago, size
from ...widgets.bars import Heading, KeyBar, TopBar
from ...widgets.table import Column, Table


class DataScreen(Page):
    """A line per snapshot; the same content is never sent to a host twice."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"transfers", "jobs"})
    PAUSE = 1.0

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Data")
        columns = [
            Column[Snapshot]("name", "NAME", 16, lambda s, _w: ((s.name, "bold"),), grow=1),
            Column[Snapshot]("digest", "DIGEST", 8, lambda s, _w: ((s.digest[:8], "dim"),), weight=2),
            Column[Snapshot]("size", "SIZE", 9, lambda s, _w: size(s.size), sort=lambda s: s.size, right=True),
            Column[Snapshot]("files", "FILES", 6, lambda s, _w: str(s.files), sort=lambda s: s.files, right=True),
            Column[Snapshot]("hosts", "HOSTS", 12, _hosts, grow=2),
            Column[Snapshot]("age", "AGE", 4, lambda s, _w: ((short_ago(s.created_at), "dim"),), right=True, weight=1),
            Column[Snapshot]("from", "FROM", 16, lambda s, _w: ((s.source or "", "dim"),), grow=3, weight=3),
        ]
        empty = _("Nothing was sent yet: a submit records its data here.")
        yield Table[Snapshot](columns, lambda item: f"{item.name}/{item.digest}", id="data", empty=empty)
        yield KeyBar()

    def read(self, client: Client) -> Sequence[Snapshot]:
        """All of them."""
        return client.snapshots()

    def show(self, data: Sequence[Snapshot]) -> None:
        """Fills the table."""
        self.query_one(Table).set_items(data)
        total = size(sum(item.size for item in data))
        self.query_one(Heading).say((_("{count} snapshots, {size}", count=len(data), size=total), "dim"))


def _hosts(item: Snapshot, _width: int) -> Cell:
    return ", ".join(item.hosts) if item.hosts else (("–", "faint"),)
