"""All that waits, host by host, and what it waits for as far as is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult

from lt_controller.client import Client, Job, clock
from lt_controller.client.fleet import Fleet

from ...acts import JobActs
from ...i18n import _
from ...places import Place
from ...text import Cell, duration, sign, state_word
from ...widgets.bars import Heading, KeyBar, TopBar
from ...widgets.table import Column, Table

WAITING = ("queued", "staging", "waiting", "preparing")


class QueueScreen(JobActs):
    """Work that does not run yet, in the order in which it came."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"jobs", "hosts", "transfers"})
    PAUSE = 1.0

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Queue")
        yield Table[Job](self._columns(), lambda job: job.id, id="queue", empty=_("Nothing waits."))
        yield KeyBar()

    def _columns(self) -> list[Column[Job]]:
        return [
            Column("host", "HOST", 10, lambda job, _w: job.host, grow=1),
            Column("place", "#", 3, self._place, right=True),
            Column("job", "JOB", 14, lambda job, _w: ((job.name, "bold"),), grow=2),
            Column("state", "STATE", 11, _state, text=lambda job: job.state),
            Column("for", "WAITS FOR", 20, self._reason, grow=3),
            Column("since", "SINCE", 8, self._since, sort=lambda job: job.id, right=True, weight=1),
        ]

    def read(self, client: Client) -> Fleet:
        """The fleet."""
        return client.fleet()

    def aged(self, data: Fleet) -> Fleet:
        """Ages are of now."""
        return replace(data, time=clock.now())

    def show(self, data: Fleet) -> None:
        """Only what waits."""
        waiting = [job for job in data.jobs if job.state in WAITING]
        waiting.sort(key=lambda job: (job.host, job.id))
        self.query_one(Table).set_items(waiting)
        told = _("{count} waiting", count=len(waiting))
        self.query_one(Heading).say((told, "dim"))

    def _place(self, job: Job, _width: int) -> Cell:
        ahead = [item for item in self.query_one(Table).items if item.host == job.host]
        return str(ahead.index(job) + 1) if job in ahead else ""

    def _reason(self, job: Job, _width: int) -> Cell:
        data: Fleet | None = self.data
        info = next((info for info in data.hosts if info.name == job.host), None) if data else None
        if info is not None and info.state in ("unreachable", "refused"):
            return ((state_word(info.state), "warn"),)
        if job.message:
            return job.message
        running = sum(1 for item in data.jobs if item.host == job.host and item.state == "running") if data else 0
        told = {
            "queued": _("the controller"),
            "staging": _("its code and data are sent"),
            "preparing": _("its environment"),
            "waiting": _("a free slot; {count} run there", count=running),
        }
        return ((told.get(job.state, ""), "dim"),)

    def _since(self, job: Job, _width: int) -> Cell:
        data: Fleet | None = self.data
        if data is None or job.created_at is None:
            return ""
        return ((duration((data.time - job.created_at).total_seconds()), "dim"),)

    def targets(self) -> Sequence[Job]:
        """The marked ones, or the one under the cursor."""
        return self.query_one(Table).chosen

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the job."""
        job: Job | None = event.table.current
        if job is not None:
            self.lt.go(Place("job", job.name))


def _state(job: Job, _width: int) -> Cell:
    mark, colour = sign(job.state)
    return ((f"{mark} {state_word(job.state)}", colour),)
