"""Who did what, when, on what, by which command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lt_controller.client import Client
from lt_controller.client.chain import Act
from lt_controller.client.words import LtError

from ...i18n import _
from ...page import Page
from ...text import clock
from ...widgets.bars import Heading, KeyBar, TopBar
from ...widgets.table import Column, Table

LAST = 2000  # acts that are shown


class AuditScreen(Page):
    """The newest act first; `v` follows the chain that shows whether the record is whole."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"*", "jobs", "hosts"})
    PAUSE = 2.0
    BINDINGS: ClassVar[list[BindingType]] = [Binding("v", "verify", "Verify", id="audit.verify")]

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Audit")
        columns = [
            Column[Act]("time", "TIME", 14, lambda a, _w: ((clock(a.time), "dim"),), sort=lambda a: a.seq),
            Column[Act]("who", "WHO", 12, lambda a, _w: a.who, grow=1, weight=1),
            Column[Act]("act", "ACT", 10, lambda a, _w: ((a.act, "bold"),), grow=1),
            Column[Act]("on", "ON", 12, lambda a, _w: a.target, grow=2),
            Column[Act]("command", "COMMAND", 16, lambda a, _w: ((a.command, "dim"),), grow=4, weight=2),
        ]
        empty = _("Nothing was done yet.")
        yield Table[Act](columns, lambda act: str(act.seq), id="audit", empty=empty)
        yield KeyBar()

    def read(self, client: Client) -> Sequence[Act]:
        """The last ones."""
        return client.audit(last=LAST)[::-1]

    def show(self, data: Sequence[Act]) -> None:
        """Fills the table."""
        self.query_one(Table).set_items(data)

    def action_verify(self) -> None:
        """Whether every row is as it was written."""

        async def run() -> None:
            try:
                state = await self.lt.ask(lambda client: client.verify_audit())
            except LtError as error:
                self.lt.refuse(error)
                return
            if state.whole:
                told = _("{count} acts, none of them changed", count=state.rows)
                self.query_one(Heading).say((told, "ok"))
                self.lt.tell(told, state.head)
            else:
                told = _("Row {row} is not as it was written.", row=state.broken)
                self.query_one(Heading).say((told, "bad"))
                self.lt.tell(told, severity="error")

        self.run_worker(run(), group="verify", exclusive=True, exit_on_error=False)
