"""All that waits, host by host, and what it waits for as far as is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lt_controller.client import Client, Job, clock, words
from lt_controller.client.fleet import Fleet
from lt_controller.client.words import LtError

from ...acts import JobActs
from ...i18n import _, current
from ...places import Place
from ...text import Cell, short_ago, sign, state_word
from ...widgets.bars import Heading, KeyBar, TopBar
from ...widgets.table import Column, Table

BEHIND = 1 << 30  # where the host has not told a place yet
WAITING = ("queued", "staging", "waiting", "preparing")


class QueueScreen(JobActs):
    """Work that does not run yet, host by host in the order in which it will."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"jobs", "hosts", "transfers"})
    PAUSE = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("K,plus", "sooner(1)", "Sooner", key_display="K", id="queue.sooner"),
        Binding("J,underscore", "sooner(-1)", "Later", key_display="J", id="queue.later"),
        Binding("P", "priority", "Priority", id="queue.priority"),
    ]

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Queue")
        yield Table[Job](self._columns(), lambda job: job.id, id="queue", empty=_("Nothing waits."))
        yield KeyBar()

    def _columns(self) -> list[Column[Job]]:
        return [
            Column("host", "HOST", 9, lambda job, _w: job.host, grow=1),
            Column("place", "#", 3, _place, sort=lambda job: job.place, right=True),
            Column("priority", "PRIO", 4, _priority, sort=lambda job: job.priority, right=True, weight=2),
            Column("job", "JOB", 14, lambda job, _w: ((job.name, "bold"),), grow=1),
            Column("state", "STATE", 11, _state, text=lambda job: job.state),
            Column("for", "WAITS FOR", 27, self._reason, grow=6),
            Column("since", "SINCE", 6, self._since, sort=lambda job: job.id, right=True, weight=1),
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
        waiting.sort(key=lambda job: (job.host, job.place or BEHIND, -job.priority, job.id))
        self.query_one(Table).set_items(waiting)
        told = _("{count} waiting", count=len(waiting))
        self.query_one(Heading).say((told, "dim"))

    def _reason(self, job: Job, _width: int) -> Cell:
        data: Fleet | None = self.data
        info = next((info for info in data.hosts if info.name == job.host), None) if data else None
        if info is not None and info.state in ("unreachable", "refused"):
            return ((state_word(info.state), "warn"),)
        if told := words.waits(job.waits, None, current()):
            return told
        if job.message:
            return job.message
        running = sum(1 for item in data.jobs if item.host == job.host and item.state == "running") if data else 0
        known = {
            "queued": _("the controller"),
            "staging": _("its code and data are sent"),
            "preparing": _("its environment"),
            "waiting": _("a free slot; {count} run there", count=running),
        }
        return ((known.get(job.state, ""), "dim"),)

    def _since(self, job: Job, _width: int) -> Cell:
        data: Fleet | None = self.data
        if data is None or job.created_at is None:
            return ""
        return ((short_ago(job.created_at, data.time), "dim"),)

    def targets(self) -> Sequence[Job]:
        """The marked ones, or the one under the cursor."""
        return self.query_one(Table).chosen

    def action_sooner(self, by: int) -> None:
        """A higher or a lower priority for those chosen."""
        for job in self.targets():
            self._prefer(job, job.priority + by)

    def action_priority(self) -> None:
        """A priority as a number."""
        from ...widgets.asking import Ask

        chosen = list(self.targets())
        if not chosen:
            return

        def given(text: str | None) -> None:
            if text is None:
                return
            try:
                wanted = int(text)
            except ValueError:
                self.lt.tell(_("A priority is a whole number."), severity="warning")
                return
            for job in chosen:
                self._prefer(job, wanted)

        names = ", ".join(job.name for job in chosen)
        note = _("From -100 to 100; a point is worth a day's earlier arrival.")
        self.app.push_screen(Ask(_("Priority of {names}", names=names), str(chosen[0].priority), note), given)

    def _prefer(self, job: Job, priority: int) -> None:
        async def run() -> None:
            try:
                await self.lt.ask(lambda client: client.set_priority(job.id, priority))
            except LtError as error:
                self.lt.refuse(error)
            else:
                self.lt.tell(_("{job}: priority {priority}", job=job.name, priority=priority))

        self.run_worker(run(), group="acts", exit_on_error=False)

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the job."""
        job: Job | None = event.table.current
        if job is not None:
            self.lt.go(Place("job", job.name))


def _place(job: Job, _width: int) -> Cell:
    return str(job.place) if job.place is not None else (("–", "faint"),)


def _priority(job: Job, _width: int) -> Cell:
    return ((f"{job.priority:+d}", "warn"),) if job.priority else (("0", "faint"),)


def _state(job: Job, _width: int) -> Cell:
    mark, colour = sign(job.state)
    return ((f"{mark} {state_word(job.state)}", colour),)
