"""One host: its GPUs as they are now, its jobs, what is fit for training, what lies on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher

from lt_controller.client import Client, Job, clock
from lt_controller.client.cost import CostLine
from lt_controller.client.details import Snapshot
from lt_controller.client.fleet import Fleet
from lt_controller.client.holdings import Holding, Holdings, Process
from lt_controller.client.words import LtError

from ...acts import JobActs, open_shell
from ...host_acts import prepare_host, remove_host, trust_host
from ...host_settings import edit_host
from ...i18n import _
from ...leaving import clear_host, forward_port, leave_host
from ...logins import log_in
from ...places import Place
from ...spent import day_lines
from ...text import said
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.reading import Scroll
from ...widgets.table import Table
from ...widgets.tabs import TabLine
from ..fleet.hosts import HostLine, host_lines
from ..fleet.jobs import job_columns
from .about import check_lines, data_lines, gpu_lines, header_lines
from .lists import HostEvent, disk_columns, disk_lines, event_columns, held_note, process_columns
from .past import DAYS, SPANS, period_lines, read_past, usage_lines

TABS = ("overview", "processes", "disk", "checks", "events", "history")
PROCESSES_EVERY = 10.0  # seconds, while they are looked at
SPENT_EVERY = 20.0  # seconds


@dataclass(frozen=True)
class HostData:
    """A host as it is now."""

    line: HostLine
    fleet: Fleet
    jobs: Sequence[Job]
    checks: Sequence[Any]
    snapshots: Sequence[Snapshot]
    events: Sequence[HostEvent]
    spent: CostLine | None = None


class HostScreen(JobActs):
    """A host and what runs on it."""

    CSS_PATH = "host.tcss"
    TOPICS: ClassVar[frozenset[str]] = frozenset({"hosts", "jobs", "metrics"})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as the framework declares it
    PAUSE = 1.0
    AUTO_FOCUS = "#host-jobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n + 1), f"tab('{name}')", name, show=False, id=f"host.{name}") for n, name in enumerate(TABS)),
        Binding("tab", "turn(1)", "Next tab", id="host.tab"),
        Binding("shift+tab", "turn(-1)", "Tab before", show=False, id="host.tab-before"),
        Binding("P", "probe", "Look now", id="host.probe"),
        Binding("l", "log_in", "Log in", show=False, id="host.log-in"),
        Binding("e", "edit", "Edit", id="host.edit"),
        Binding("t", "trust", "Trust key", show=False, id="host.trust"),
        Binding("v", "leave", "Drain, retire", show=False, id="host.leave"),
        Binding("C", "clear", "Make room", show=False, id="host.clear"),
        Binding("f", "forward", "Forward a port", show=False, id="host.forward"),
        Binding("b", "span", "How far back", show=False, id="host.span"),
        Binding("O", "prepare", "Prepare offline", show=False, id="host.prepare"),
        Binding("X", "forget", "Forget", show=False, id="host.forget"),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.held: Holdings | None = None  # what it has told of its processes and its disk
        self._asking = False
        self._spent: CostLine | None = None
        self._spent_at = 0.0
        self._span = 0  # of the history: how far back

    def compose(self) -> ComposeResult:
        """The header, the tabs, and what they show."""
        yield TopBar()
        yield Lines(flows=True, id="host-header")
        yield TabLine(TABS)
        with ContentSwitcher(initial="overview"):
            with Vertical(id="overview"):
                with Horizontal(id="host-upper"):
                    with Vertical():
                        yield Heading("GPUs", id="gpus-head")
                        yield Lines(id="gpus")
                    with Vertical(id="host-checks"):
                        yield Heading("Checks")
                        yield Lines(id="checks")
                        yield Heading("Data")
                        yield Lines(id="on-host")
                yield Heading("Jobs")
                columns = [c for c in job_columns(lambda: self.data and self.data.fleet) if c.key != "host"]
                empty = _("Nothing of yours runs or waits here.")
                yield Table[Job](columns, lambda job: job.id, id="host-jobs", empty=empty)
            with Vertical(id="processes"):
                yield Heading("Processes", id="processes-head")
                yield Table[Process](process_columns(), lambda item: str(item.pid), id="host-processes")
            with Vertical(id="disk"):
                yield Heading("Disk", id="disk-head")
                yield Lines(id="disk-bars")
                key = "{0.kind}/{0.name}/{0.detail}".format
                yield Table[Holding](disk_columns(), key, id="host-disk")
            with Scroll(id="checked"):
                yield Lines(id="checks-long")
            with Vertical(id="happened"):
                yield Table[HostEvent](event_columns(), _event_key, id="host-events", empty=_("Nothing happened yet."))
            with Scroll(id="history"):
                yield Heading("Use", id="use-head")
                yield Lines(id="use")
                yield Heading("By day", id="days-head")
                yield Lines(id="days")
                yield Heading("What it was", id="periods-head")
                yield Lines(id="periods", flows=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """A host that answers is asked for its processes as long as somebody looks at them."""
        super().on_mount()
        self.set_interval(PROCESSES_EVERY, self._again)

    def read(self, client: Client) -> HostData:
        """The host's part of the fleet. Raises LtError `no_such_host`."""
        name = self.place.name
        client.host(name)
        fleet = client.fleet()
        line = next(line for line in host_lines(fleet) if line.info.name == name)
        jobs = [job for job in fleet.jobs if job.host == name]
        jobs.sort(key=lambda job: (not job.resting, job.id), reverse=True)
        checks = client.check_host(name, probe=False) if line.info.facts else []
        snapshots = [item for item in client.snapshots() if name in item.hosts]
        events = client.recent_events(300, host=name)
        return HostData(line, fleet, jobs, checks, snapshots, events, self._spent_by_now(client, name))

    def _spent_by_now(self, client: Client, name: str) -> CostLine:
        """What the host has cost; reckoned anew now and then, for it goes through all that ever ran there."""
        if self._spent is None or time.monotonic() - self._spent_at > SPENT_EVERY:
            self._spent_at = time.monotonic()
            self._spent = client.costs(host=name).total
        return self._spent

    def aged(self, data: HostData) -> HostData:
        """Ages are of now."""
        return replace(data, line=replace(data.line, now=clock.now()))

    def failed(self, error: LtError) -> None:
        """There is no such host."""
        self.query_one("#host-header", Lines).say(((said(error).message, "bad"),))

    def show(self, data: HostData) -> None:
        """Fills the header and the tab that is seen."""
        self.query_one("#host-header", Lines).say(*header_lines(data.line, data.spent))
        self._show_tab(self.query_one(TabLine).current)
        if self.held is None:
            self._ask_host(disk=True)

    def _show_tab(self, name: str) -> None:
        data: HostData | None = self.data
        if data is None:
            return
        if name == "overview":
            self.query_one("#gpus", Lines).say(*gpu_lines(data.line, data.fleet))
            self.query_one("#checks", Lines).say(*check_lines(data.checks, max(40, self.size.width // 2 - 3)))
            self.query_one("#on-host", Lines).say(*data_lines(data.snapshots))
            self.query_one("#host-jobs", Table).set_items(data.jobs)
        elif name == "processes":
            self.query_one("#processes-head", Heading).say((held_note(self.held), "dim"))
            self.query_one("#host-processes", Table).set_items(self.held.processes if self.held else ())
        elif name == "disk":
            self.query_one("#disk-head", Heading).say((held_note(self.held), "dim"))
            self.query_one("#disk-bars", Lines).say(*disk_lines(self.held, data.line.free, self.size.width))
            self.query_one("#host-disk", Table).set_items((self.held.items if self.held else None) or ())
        elif name == "checks":
            self.query_one("#checks-long", Lines).say(*check_lines(data.checks, self.size.width - 2))
        elif name == "events":
            self.query_one("#host-events", Table).set_items(data.events)
        else:
            self._show_past()

    @work(exclusive=True, group="past", exit_on_error=False)
    async def _show_past(self) -> None:
        """Goes through all that ever ran here, so it is read only while one looks at it."""
        told, days = SPANS[self._span]
        past = await self.lt.feed.read(lambda client: read_past(client, self.place.name, days))
        width = self.size.width
        self.query_one("#use-head", Heading).say((_(told), "dim"))
        self.query_one("#use", Lines).say(*usage_lines(past, width))
        spent = day_lines(past.days, width, DAYS)
        self.query_one("#days-head", Heading).say((_(told), "dim"))
        self.query_one("#days", Lines).say(*spent)
        for part in ("#days-head", "#days"):
            self.query_one(part).display = bool(spent)
        self.query_one("#periods", Lines).say(*period_lines(past))

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        """Shows a tab and gives it the keys."""
        inside = {"checks": "checked", "events": "happened"}.get(event.name, event.name)
        self.query_one(ContentSwitcher).current = inside
        self._show_tab(event.name)
        readers = (*self.query(f"#{inside} Table"), *self.query(f"Scroll#{inside}"))
        self.set_focus(readers[0] if readers else None)

    def action_tab(self, name: str) -> None:
        """By number."""
        self.query_one(TabLine).choose(name)

    def action_turn(self, by: int) -> None:
        """The next tab."""
        self.query_one(TabLine).step(by)

    def _again(self) -> None:
        if self.is_current and self.query_one(TabLine).current == "processes":
            self._ask_host(disk=False)

    @work(exit_on_error=False)
    async def _ask_host(self, *, disk: bool) -> None:
        """What it holds, if it answers anyway: looking at a screen logs in nowhere."""
        info = self.data.line.info if self.data is not None else None
        answers = info is not None and (info.state == "reachable" or info.host.kind == "local")
        if self._asking or not answers or not self.lt.feed.keeps_controller:
            return
        self._asking = True
        try:
            held = await self.lt.ask(lambda client: client.holdings(self.place.name, disk=disk))
        except LtError:
            return  # it has gone meanwhile; the header says so as soon as that is known
        finally:
            self._asking = False
        if held.items is None and self.held is not None:
            held = replace(held, items=self.held.items, partial=self.held.partial)
        self.held = held
        if self.is_attached:
            self._show_tab(self.query_one(TabLine).current)

    def targets(self) -> Sequence[Job]:
        """The marked jobs, or the one under the cursor."""
        return self.query_one("#host-jobs", Table).chosen

    def action_shell(self) -> None:
        """On this host, whatever job the cursor stands on."""
        open_shell(self.lt, self.place.name)

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the job, also of a process or an event."""
        item = event.table.current
        name = item.name if isinstance(item, Job) else item.job if isinstance(item, Process) else ""
        if isinstance(item, tuple):
            name = item[0]
        if name:
            self.lt.go(Place("job", name))

    def action_probe(self) -> None:
        """Looks at the host now, and asks what it holds."""
        name = self.place.name
        self.lt.tell(_("Looking at {host} …", host=name))

        async def run() -> None:
            try:
                await self.lt.ask(lambda client: client.probe(name))
                self.held = await self.lt.ask(lambda client: client.holdings(name))
            except LtError as error:
                self.lt.refuse(error)
            else:
                self.lt.tell(_("{host}: looked at.", host=name))
            self.reread()

        self.run_worker(run(), group="host", exit_on_error=False)

    def action_log_in(self) -> None:
        """Connects, and asks what the host asks."""
        log_in(self.lt, self.place.name)

    def action_edit(self) -> None:
        """A setting anew."""
        if self.data is not None:
            edit_host(self.lt, self.data.line.info, self.reread)

    def action_trust(self) -> None:
        """Asks the host for its key, and a person whether it is the right one."""
        if self.data is not None:
            trust_host(self.lt, self.data.line.info)

    def action_leave(self) -> None:
        """Drains the host, gives it up, or opens it again."""
        leave_host(self.lt, self.place.name)

    def action_clear(self) -> None:
        """Deletes what is safe to delete there."""
        clear_host(self.lt, self.place.name)

    def action_forward(self) -> None:
        """A port of it on this machine."""
        forward_port(self.lt, self.place.name)

    def action_span(self) -> None:
        """Further back in the history, then the last day again."""
        self._span = (self._span + 1) % len(SPANS)
        self.query_one(TabLine).choose("history")

    def action_prepare(self) -> None:
        """Sends all that a recipe needs."""
        prepare_host(self.lt, self.place.name)

    def action_forget(self) -> None:
        """Takes the host out of the inventory."""
        remove_host(self.lt, self.place.name)


def _event_key(line: HostEvent) -> str:
    return f"{line[0]}/{line[1].attempt}/{line[1].time}/{line[1].code}/{line[1].params}"
