"""One job in depth: where it is, its curves, its log, its checkpoints, what it was made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher

from lt_controller.client import Client, Job
from lt_controller.client.details import Checkpoint, Event
from lt_controller.client.words import LtError

from ...acts import JobActs
from ...i18n import _
from ...messages import Changed
from ...places import Place
from ...text import said
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.chart import Chart
from ...widgets.log_view import LogView
from ...widgets.reading import Scroll
from ...widgets.table import Table
from ...widgets.tabs import TabLine
from .about import header_lines
from .choosing import choose_metrics, choose_others
from .parts import checkpoint_columns, event_columns, sample_lines, spec_lines
from .reading import Curves, JobData, read_job

TABS = ("overview", "log", "metrics", "checkpoints", "recipe", "samples", "events")
WEIGHTS = (0.0, 0.6, 0.9, 0.98)


class JobScreen(JobActs):
    """A job. The tabs share one header."""

    CSS_PATH = "job.tcss"
    TOPICS: ClassVar[frozenset[str]] = frozenset({"jobs", "metrics", "checkpoints", "transfers", "hosts"})
    AUTO_FOCUS = "#log-short"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as the framework declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n + 1), f"tab('{name}')", name, show=False, id=f"job.{name}") for n, name in enumerate(TABS)),
        Binding("tab", "turn(1)", "Next tab", id="job.tab"),
        Binding("shift+tab", "turn(-1)", "Tab before", show=False, id="job.tab-before"),
        Binding("m", "metric", "Metric", id="job.metric"),
        Binding("S", "smooth", "Smooth", show=False, id="job.smooth"),
        Binding("L", "log_scale", "Log scale", show=False, id="job.log-scale"),
        Binding("a", "attempt", "Attempt", show=False, id="job.attempt"),
        Binding("F", "only", "Matches only", show=False, id="log.only"),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.curves = Curves()
        self.attempt: int | None = None  # the one whose log is shown; None: the newest
        self._find = ""
        self._only = True

    def compose(self) -> ComposeResult:
        """The header, the tabs, and what they show."""
        yield TopBar()
        yield Lines(flows=True, id="header")
        yield TabLine(TABS)
        with ContentSwitcher(initial="overview"):
            with Vertical(id="overview"):
                with Horizontal(id="upper"):
                    yield Chart(id="chart-short")
                    with Vertical(id="side"):
                        yield Heading("Checkpoints")
                        yield Table[Checkpoint](checkpoint_columns(lambda: self.data, short=True), _key, id="few")
                yield Heading("Log", id="log-head")
                yield LogView(id="log-short")
            with Vertical(id="log"):
                yield LogView(id="log-long")
            with Vertical(id="metrics"):
                yield Chart(id="chart-long")
            with Vertical(id="checkpoints"):
                yield Table[Checkpoint](checkpoint_columns(lambda: self.data), _key, id="all", empty=_("None yet."))
            with Scroll(id="recipe"):
                yield Lines(id="spec")
            with Scroll(id="samples"):
                yield Lines(id="measured")
            with Vertical(id="events"):
                yield Table[Event](event_columns(), _event_key, id="happened")
        yield KeyBar()

    def read(self, client: Client) -> JobData:
        """The job, and what has come of its curves."""
        return read_job(client, self.place.name, self.curves, self.lt.compare)

    def failed(self, error: LtError) -> None:
        """The job is gone, or there never was one."""
        self.query_one("#header", Lines).say(((said(error).message, "bad"),))

    def show(self, data: JobData) -> None:
        """Fills the header and the tab that is seen."""
        self.query_one("#header", Lines).say(*header_lines(data, self.size.width))
        self._show_tab(self.query_one(TabLine).current)

    def _show_tab(self, name: str) -> None:
        data: JobData | None = self.data
        if data is None:
            return
        attempt = self.attempt or data.job.attempt
        if name in ("overview", "metrics"):
            self.query_one("#chart-short" if name == "overview" else "#chart-long", Chart).set_curves(
                self.curves.shown(data)
            )
        if name == "overview":
            self.query_one("#few", Table).set_items(data.checkpoints[::-1])
            self._view("#log-short").open(data.job.id, attempt)
        elif name == "log":
            self._view("#log-long").open(data.job.id, attempt)
        elif name == "checkpoints":
            self.query_one("#all", Table).set_items(data.checkpoints)
        elif name == "events":
            self.query_one("#happened", Table).set_items(data.events)
        elif name == "samples":
            self.query_one("#measured", Lines).say(*sample_lines(data))
        elif name == "recipe":
            self.query_one("#spec", Lines).say(*spec_lines(data))

    def _view(self, name: str) -> LogView:
        return self.query_one(name, LogView)

    @property
    def log_view(self) -> LogView | None:
        """The log that is on the screen."""
        tab = self.query_one(TabLine).current
        return self._view("#log-short") if tab == "overview" else self._view("#log-long") if tab == "log" else None

    # News

    def on_changed(self, message: Changed) -> None:
        """Log bytes go straight to the log; the rest is read again."""
        if message.concerns(frozenset({"logs"})) and (view := self.log_view) is not None:
            view.grown()
        super().on_changed(message)

    def on_log_view_moved(self) -> None:
        """Says where in the log one is."""
        view = self.log_view
        if view is not None and view.log_size and self.data is not None:
            share = (view.lines[-1].end if view.lines else 0) / view.log_size
            attempt = f"#{self.attempt or self.data.job.attempt}  " if self.data.job.attempt > 1 else ""
            note = [(f"{attempt}{share:.0%}", "dim"), ("  " + (_("following") if view.follow else _("held")), "run")]
            if self._find:
                note.append((f"  /{self._find}", "warn"))
            self.query_one("#log-head", Heading).say(*note)

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        """Shows a tab and gives it the keys."""
        self.query_one(ContentSwitcher).current = event.name
        self._show_tab(event.name)
        focus = {"overview": "#log-short", "log": "#log-long", "checkpoints": "#all", "events": "#happened"}
        focus |= {"recipe": "#recipe", "samples": "#samples"}
        if event.name in focus:
            self.query_one(focus[event.name]).focus()
        else:
            self.set_focus(None)

    # Keys

    def targets(self) -> Sequence[Job]:
        """This job."""
        return [self.data.job] if self.data is not None else []

    def action_job(self, act: str) -> None:
        """On a checkpoint `r` resumes from it and `p` pulls it; elsewhere they mean the job."""
        table = self.table
        item = table.current if table is not None and table.has_focus else None
        if act in ("resume", "pull") and isinstance(item, Checkpoint) and self.data is not None:
            self._with_checkpoint(act, self.data.job, item.name)
        else:
            super().action_job(act)

    def _with_checkpoint(self, act: str, job: Job, name: str) -> None:
        async def run() -> None:
            try:
                if act == "resume":
                    await self.lt.ask(lambda client: client.resume(job.id, name))
                else:
                    await self.lt.ask(lambda client: client.pull(job.id, [name]))
            except LtError as error:
                self.lt.refuse(error)
            else:
                self.lt.tell(_("{act}: asked for {target}", act=_(act), target=f"{job.name} {name}"))

        self.run_worker(run(), exit_on_error=False)

    def action_tab(self, name: str) -> None:
        """By number."""
        self.query_one(TabLine).choose(name)

    def action_turn(self, by: int) -> None:
        """The next tab."""
        self.query_one(TabLine).step(by)

    def action_metric(self) -> None:
        """Which values are drawn."""
        choose_metrics(self)

    def action_compare(self) -> None:
        """Other jobs beside this one: their curves, and how its recipe differs from the first's."""
        choose_others(self)

    def action_smooth(self) -> None:
        """More smoothing, then none."""
        for chart in self.query(Chart):
            weight = WEIGHTS[(WEIGHTS.index(chart.weight) + 1) % len(WEIGHTS)]
            chart.set_view(weight=weight)

    def action_log_scale(self) -> None:
        """A logarithmic scale, or a plain one."""
        for chart in self.query(Chart):
            chart.set_view(log=not chart.logarithmic)

    def action_attempt(self) -> None:
        """The log of another attempt."""
        if self.data is not None and self.data.job.attempt > 1:
            now = self.attempt or self.data.job.attempt
            self.attempt = now % self.data.job.attempt + 1
            self._show_tab(self.query_one(TabLine).current)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Here a log can be searched, too."""
        if action == "filter" and self.is_mounted and self.log_view is not None:
            return not self.typing
        return super().check_action(action, parameters)

    async def action_filter(self) -> None:
        """In the log: look for something."""
        if self.log_view is not None:
            await self.prompt("/", self._find)
        else:
            await super().action_filter()

    def filter_by(self, text: str, *, aloud: bool = True) -> None:
        """Shows the lines of the log that match, marked; `F` shows the others between them."""
        view = self.log_view
        if view is None:
            super().filter_by(text, aloud=aloud)
            return
        self._find = text
        try:
            flags = re.IGNORECASE if text == text.lower() else 0
            view.find(re.compile(text, flags) if text else None, only=self._only)
        except re.error as error:
            self.no_pattern(error, aloud)

    async def action_back(self) -> None:
        """First out of the search, then out of the job."""
        if self._find and self.log_view is not None:
            self.filter_by("")
        else:
            await super().action_back()

    def action_only(self) -> None:
        """Only matching lines, or all with the matches marked."""
        self._only = not self._only
        self.filter_by(self._find)

    def copied(self) -> str:
        """The visible log, a checkpoint's path, or the job's name."""
        item = self.table.current if self.table is not None and self.table.has_focus else None
        if isinstance(item, Checkpoint):
            return str(item.path or item.name)
        view = self.log_view
        if view is not None and view.has_focus and self.query_one(TabLine).current == "log":
            return view.text
        return self.place.name

    def action_export(self) -> None:
        """The chart as SVG, the log's lines, or a table."""
        from .exporting import export_job

        export_job(self)


def _event_key(item: Event) -> str:
    return f"{item.attempt}/{item.time}/{item.code}/{item.params}"


def _key(item: Checkpoint) -> str:
    return f"{item.attempt}/{item.name}"
