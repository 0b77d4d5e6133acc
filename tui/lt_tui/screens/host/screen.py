"""One host: its GPUs as they are now, its jobs, what is fit for training, what lies on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from lt_controller.client import Client, Job, clock
from lt_controller.client.details import HostInfo
from lt_controller.client.fleet import Fleet
from lt_controller.client.views import Snapshot
from lt_controller.client.words import LtError

from ...acts import JobActs
from ...host_acts import remove_host
from ...i18n import _
from ...places import Place
from ...text import said
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.table import Table
from ..fleet.hosts import HostLine, host_lines
from ..fleet.jobs import job_columns
from .about import check_lines, data_lines, gpu_lines, header_lines


@dataclass(frozen=True)
class HostData:
    """A host as it is now."""

    line: HostLine
    fleet: Fleet
    jobs: Sequence[Job]
    checks: Sequence[Any]
    snapshots: Sequence[Snapshot]


class HostScreen(JobActs):
    """A host and what runs on it."""

    CSS_PATH = "host.tcss"
    TOPICS: ClassVar[frozenset[str]] = frozenset({"hosts", "jobs", "metrics"})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as the framework declares it
    PAUSE = 1.0
    AUTO_FOCUS = "Table"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("P", "probe", "Look now", id="host.probe"),
        Binding("e", "edit", "Edit", id="host.edit"),
        Binding("t", "trust", "Trust key", show=False, id="host.trust"),
        Binding("X", "forget", "Forget", show=False, id="host.forget"),
    ]

    def compose(self) -> ComposeResult:
        """Facts and checks above, jobs below."""
        yield TopBar()
        yield Lines(id="host-header")
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
        columns = [column for column in job_columns(lambda: self.data and self.data.fleet) if column.key != "host"]
        yield Table[Job](columns, lambda job: job.id, empty=_("Nothing of yours runs or waits here."))
        yield KeyBar()

    def read(self, client: Client) -> HostData:
        """The host's part of the fleet. Raises LtError `no_such_host`."""
        client.host(self.place.name)
        fleet = client.fleet()
        line = next(line for line in host_lines(fleet) if line.info.name == self.place.name)
        jobs = [job for job in fleet.jobs if job.host == self.place.name]
        jobs.sort(key=lambda job: (not job.resting, job.id), reverse=True)
        checks = client.check_host(self.place.name, probe=False) if line.info.facts else []
        snapshots = [item for item in client.snapshots() if self.place.name in item.hosts]
        return HostData(line, fleet, jobs, checks, snapshots)

    def aged(self, data: HostData) -> HostData:
        """Ages are of now."""
        return replace(data, line=replace(data.line, now=clock.now()))

    def failed(self, error: LtError) -> None:
        """There is no such host."""
        self.query_one("#host-header", Lines).say(((said(error).message, "bad"),))

    def show(self, data: HostData) -> None:
        """Fills it."""
        self.query_one("#host-header", Lines).say(*header_lines(data.line))
        self.query_one("#gpus", Lines).say(*gpu_lines(data.line, data.fleet))
        self.query_one("#checks", Lines).say(*check_lines(data.checks, max(40, self.size.width // 2 - 3)))
        self.query_one("#on-host", Lines).say(*data_lines(data.snapshots))
        self.query_one(Table).set_items(data.jobs)

    def targets(self) -> Sequence[Job]:
        """The marked jobs, or the one under the cursor."""
        return self.query_one(Table).chosen

    def shell_host(self) -> str:
        """This one."""
        return self.place.name

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the job."""
        job: Job | None = event.table.current
        if job is not None:
            self.lt.go(Place("job", job.name))

    def _do(self, deed: Any, told: str) -> None:
        async def run() -> None:
            try:
                await self.lt.ask(deed)
            except LtError as error:
                self.lt.refuse(error)
            else:
                self.lt.tell(told)
            self.reread()

        self.run_worker(run(), group="host", exit_on_error=False)

    def action_probe(self) -> None:
        """Looks at the host now."""
        name = self.place.name
        self.lt.tell(_("Looking at {host} …", host=name))
        self._do(lambda client: client.probe(name), _("{host}: looked at.", host=name))

    def action_edit(self) -> None:
        """Settings as `key=value`, by the keys of hosts.toml; an empty value is the default."""
        from ...widgets.dialogs import Ask

        name = self.place.name

        def typed(text: str | None) -> None:
            if not text:
                return
            key, _equals, value = text.partition("=")
            number: Any = int(value) if value.isdigit() else value or None
            told = _("{host} is changed.", host=name)
            self._do(lambda client: client.edit_host(name, {key.strip(): number}), told)

        note = _("address, user, port, key, root, slots, price, until, python, index_url, hf_endpoint, note …")
        self.app.push_screen(Ask(_("Change a setting of {host}: key=value", host=name), "", note), typed)

    def action_trust(self) -> None:
        """Asks the host for its key, and a person whether it is the right one."""

        async def run() -> None:
            from ...widgets.dialogs import Confirm

            info: HostInfo = self.data.line.info
            try:
                key = await self.lt.ask(lambda client: client.scan_key(info.host))
                question = _(
                    "{host} ({address}) shows this key. Is it the host's?", host=info.name, address=info.host.target
                )
                if await self.app.push_screen_wait(Confirm(question, [f"{key.key_type}  {key.fingerprint}"])):
                    await self.lt.ask(lambda client: client.trust(info.name, key))
                    self.lt.tell(_("{host} may show this key from now on.", host=info.name))
            except LtError as error:
                self.lt.refuse(error)

        if self.data is not None:
            self.run_worker(run(), group="host", exit_on_error=False)

    def action_forget(self) -> None:
        """Takes the host out of the inventory."""
        remove_host(self.lt, self.place.name)
