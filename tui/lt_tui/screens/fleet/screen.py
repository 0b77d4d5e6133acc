"""The fleet: a line per host, the jobs under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lt_controller.client import Client, Job, clock
from lt_controller.client.fleet import Fleet

from ...acts import JobActs
from ...host_acts import add_host
from ...i18n import _
from ...places import Place
from ...text import Span, sign, state_word
from ...widgets.bars import Heading, KeyBar, TopBar
from ...widgets.table import Table
from .hosts import HostLine, host_columns, host_lines
from .jobs import job_columns


class FleetScreen(JobActs):
    """What `lt` opens with."""

    TOPICS: ClassVar[frozenset[str]] = frozenset({"hosts", "jobs", "metrics", "checkpoints"})
    PAUSE = 1.0
    AUTO_FOCUS = "#jobs"
    FIRST = ("act.submit",)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "other", "Hosts/jobs", id="fleet.other"),
        Binding("a", "add", "Add host", id="host.add"),
        Binding("h", "ended", "Ended", show=False, id="fleet.ended"),
    ]
    ended = True  # jobs that have ended are shown, too
    _welcomed = False

    def compose(self) -> ComposeResult:
        """Hosts above, jobs below."""
        yield TopBar()
        yield Heading("Hosts", id="hosts-head")
        yield Table[HostLine](host_columns(), lambda line: line.info.name, id="hosts")
        yield Heading("Jobs", id="jobs-head")
        empty = _("No jobs yet: n submits a recipe, ! runs a script of yours.")
        yield Table[Job](job_columns(lambda: self.data), lambda job: job.id, id="jobs", empty=empty)
        yield KeyBar()

    def read(self, client: Client) -> Fleet:
        """All of it in one look."""
        return client.fleet()

    def aged(self, data: Fleet) -> Fleet:
        """Ages are of now."""
        return replace(data, time=clock.now())

    def show(self, data: Fleet) -> None:
        """Fills both tables."""
        self.lt.fleet = data
        if not self._welcomed and not data.jobs and len(data.hosts) <= 1:
            self._welcomed = True
            self.lt.go(Place("welcome"), remember=False)
        if not self._welcomed:
            self.set_timer(1.0, self._warm)
        self._welcomed = True
        hosts = self.query_one("#hosts", Table)
        lines = host_lines(data)
        room = max(4, self.size.height * 2 // 5)
        height = min(len(lines) + 1, room)
        if hosts.styles.height is None or hosts.styles.height.value != height:
            hosts.styles.height = height
        hosts.set_items(lines)
        jobs = self.query_one("#jobs", Table)
        shown = [job for job in data.jobs if self.ended or not job.resting]
        # Those alive stand on top, then the rest, the newest first.
        shown.sort(key=lambda job: (not job.resting, job.id), reverse=True)
        jobs.set_items(shown)
        self._say(data, lines)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the hosts have the keys, none of them means a job; but for jobs that are marked."""
        if action in ("job", "compare") and self.is_mounted:
            return bool(self.query_one("#jobs", Table).marks) or not self.query_one("#hosts", Table).has_focus
        return super().check_action(action, parameters)

    @work(thread=True, exit_on_error=False)
    def _warm(self) -> None:
        """The screen that is opened next is loaded while one looks at this one."""
        import_module("lt_tui.screens.job.screen")

    def _say(self, data: Fleet, lines: Sequence[HostLine]) -> None:
        counts: dict[str, int] = {}
        for job in data.jobs:
            counts[job.state] = counts.get(job.state, 0) + 1
        note: list[Span] = []
        for code in ("running", "waiting", "staging", "queued", "paused", "failed", "lost", "succeeded"):
            if code in counts:
                mark, tone = sign(code)
                note += [(f"{mark} {counts[code]} ", tone), (f"{state_word(code)}  ", "dim")]
        if not self.ended:
            note.append((_("without those that have ended: h shows them"), "warn"))
        self.query_one("#jobs-head", Heading).say(*note)
        reached = sum(line.info.state == "reachable" or line.info.name == "local" for line in lines)
        told = _("{reached} of {count} can be reached", reached=reached, count=len(data.hosts))
        self.query_one("#hosts-head", Heading).say((told, "dim"))
        now = data.time.astimezone().strftime("%H:%M:%S")
        self.query_one(TopBar).say(((now, "dim"),))

    def targets(self) -> Sequence[Job]:
        """The marked jobs, or the one under the cursor; none while the hosts have the keys."""
        table = self.query_one("#jobs", Table)
        return table.chosen if table.has_focus or table.marks else []

    def shell_host(self) -> str:
        """The host one stands on, or the job's."""
        hosts = self.query_one("#hosts", Table)
        if hosts.has_focus and hosts.cursor_key:
            return str(hosts.cursor_key)
        return super().shell_host()

    def copied(self) -> str:
        """Names, not ids."""
        table = self.query_one("#jobs", Table)
        return "\n".join(job.name for job in table.chosen) if table.has_focus else super().copied()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the host's or the job's own screen."""
        item = event.table.current
        if isinstance(item, Job):
            self.lt.compare = ()
            self.lt.go(Place("job", item.name))
        elif isinstance(item, HostLine):
            self.lt.go(Place("host", item.info.name))

    def action_other(self) -> None:
        """The keys go to the other table."""
        hosts, jobs = self.query_one("#hosts", Table), self.query_one("#jobs", Table)
        (jobs if hosts.has_focus else hosts).focus()

    def action_add(self) -> None:
        """A new host."""
        add_host(self.lt)

    def action_ended(self) -> None:
        """Hides what has ended, or shows it again."""
        self.ended = not self.ended
        if self.data is not None:
            self.show(self.data)
