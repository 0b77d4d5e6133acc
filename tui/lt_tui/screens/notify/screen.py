"""Who is told of what, how that went, and trying it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lt_controller.client import Client
from lt_controller.client.channels import Delivery, NotifyChannel
from lt_controller.client.notify import ENDS
from lt_controller.client.words import LtError

from ...i18n import _
from ...page import Page
from ...places import Place
from ...text import Cell, clock, path_text, phrase, said, short_ago
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.table import Column, Table

LAST = 200  # of what was told
_TONES = {"sent": "ok", "pending": "warn", "failed": "bad", "dropped": "bad"}


@dataclass(frozen=True)
class NotifyData:
    """The channels, and the newest of what they were told."""

    channels: Sequence[NotifyChannel]
    told: Sequence[Delivery]


class NotifyScreen(Page):
    """Channels above, what was told below; `t` tells the channel under the cursor something now."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"jobs", "hosts"})
    PAUSE = 1.0
    AGAIN = 5.0
    AUTO_FOCUS = "#channels"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "other", "Other table", id="notify.other"),
        Binding("t", "test", "Try it", id="notify.test"),
    ]

    def compose(self) -> ComposeResult:
        """Two tables, and where channels are written down."""
        yield TopBar()
        yield Heading("Channels")
        yield Table[NotifyChannel](_channels(), lambda item: item.name, id="channels", empty=_("None yet."))
        yield Lines(id="how", wraps=True)
        yield Heading("What was told", id="told-head")
        yield Table[Delivery](_deliveries(), _key, id="told", empty=_("Nothing yet."))
        yield KeyBar()

    def read(self, client: Client) -> NotifyData:
        """Both. Raises LtError `notify_invalid`, `config_invalid`."""
        return NotifyData(client.notify_channels(), client.deliveries(LAST)[::-1])

    def failed(self, error: LtError) -> None:
        """What is wrong with the file, which is mended in an editor."""
        told = said(error)
        self.query_one("#how", Lines).say(*(((line, "bad"),) for line in (told.message, *told.details)))

    def show(self, data: NotifyData) -> None:
        """Fills both tables."""
        channels = self.query_one("#channels", Table)
        channels.styles.height = max(3, min(len(data.channels) + 1, self.size.height // 3))
        channels.set_items(data.channels)
        self.query_one("#told", Table).set_items(data.told)
        path = path_text(self.lt.config_path)
        how = _('A channel is a table of {path}: [notify.NAME], with to = "desktop", "slack" …', path=path)
        self.query_one("#how", Lines).say(((how, "dim"),))

    def action_other(self) -> None:
        """The keys go to the other table."""
        channels, told = self.query_one("#channels", Table), self.query_one("#told", Table)
        (told if channels.has_focus else channels).focus()

    def action_test(self) -> None:
        """Tells the channel under the cursor something now."""
        channel: NotifyChannel | None = self.query_one("#channels", Table).current
        if channel is None:
            return
        name = channel.name
        self.lt.tell(_("Telling {name} …", name=name))

        async def run() -> None:
            try:
                error = (await self.lt.ask(lambda client: client.notify_test(name))).get(name)
            except LtError as refused:
                error = refused
            if error is None:
                self.lt.tell(phrase("notify_told", name=name))
            else:
                self.lt.refuse(error)
            self.reread()

        self.run_worker(run(), group="acts", exit_on_error=False)

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the job, or the host, that was told of."""
        item = event.table.current
        if isinstance(item, Delivery) and (item.job or item.host):
            self.lt.go(Place("job", item.job) if item.job else Place("host", item.host))


def _channels() -> list[Column[NotifyChannel]]:
    return [
        Column("name", "NAME", 10, lambda c, _w: ((c.name, "bold"),), grow=1),
        Column("to", "TO", 10, lambda c, _w: c.to, grow=1),
        Column("tells", "TELLS", 16, lambda c, _w: _kinds(c), grow=2, weight=1),
        Column("only", "ONLY", 12, lambda c, _w: _only(c), grow=1, weight=3),
        Column("last", "LAST", 5, lambda c, _w: ((short_ago(c.last_sent), "dim"),), right=True),
        Column("left", "LEFT", 4, lambda c, _w: ((str(c.pending or ""), "warn"),), right=True, weight=2),
        Column("why", "WHY", 14, lambda c, _w: _error(c), grow=3, weight=4),
    ]


def _deliveries() -> list[Column[Delivery]]:
    return [
        Column("time", "TIME", 14, lambda d, _w: ((clock(d.time), "dim"),), sort=lambda d: d.time),
        Column("name", "NAME", 10, lambda d, _w: d.channel),
        Column("what", "WHAT", 24, lambda d, _w: d.text, grow=3),
        Column("state", "STATE", 9, _state, text=lambda d: d.state),
        Column("tries", "TRIES", 5, lambda d, _w: str(d.tries or ""), right=True, weight=2),
        Column("why", "WHY", 12, lambda d, _w: _error(d), grow=2, weight=1),
    ]


def _key(item: Delivery) -> str:
    return f"{item.time}/{item.channel}/{item.kind}/{item.job}/{item.host}"


def _kinds(item: NotifyChannel) -> str:
    kinds = ["end", *(kind for kind in item.on if kind not in ENDS)] if set(ENDS) <= set(item.on) else item.on
    return " ".join(kinds)


def _only(item: NotifyChannel) -> str:
    return "  ".join(f"{key}:{','.join(patterns)}" for key, patterns in item.only.items())


def _error(item: NotifyChannel | Delivery) -> Cell:
    return ((said(item.error).message, "bad"),) if item.error else ""


def _state(item: Delivery, _width: int) -> Cell:
    return ((phrase(f"notify_is_{item.state}"), _TONES.get(item.state, "")),)
