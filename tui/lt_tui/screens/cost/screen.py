"""What hosts, jobs, recipes and weeks have cost, what was idle, and how it went day by day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult

from lt_controller.client import Client
from lt_controller.client.cost import CostLine, CostReport

from ...i18n import N_, _
from ...places import Place
from ...reckoned import ReckonedPage
from ...spent import Day, day_lines, hours, money
from ...text import Span
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.table import Column, Table
from ...widgets.tabs import TabLine

DAYS = 14
_TITLES = {"host": N_("HOST"), "job": N_("JOB"), "recipe": N_("RECIPE"), "week": N_("WEEK")}


@dataclass(frozen=True)
class CostData:
    """A report, and the days in it."""

    report: CostReport
    days: Sequence[Day]


class CostScreen(ReckonedPage):
    """Enter opens the host or the job."""

    TABS: ClassVar[tuple[str, ...]] = (N_("host"), N_("job"), N_("recipe"), N_("week"))

    def compose(self) -> ComposeResult:
        """The sums, and the days below."""
        yield TopBar()
        yield TabLine(self.TABS)
        yield Heading("Cost", id="cost-head")
        empty = _("Nothing has run yet, and no host has a price: e on a host gives it one.")
        yield Table[CostLine](cost_columns("host"), lambda line: line.name, id="cost", empty=empty)
        yield Heading("By day", id="days-head")
        yield Lines(id="days")
        yield KeyBar()

    def read(self, client: Client) -> CostData:
        """Added up by what the tab says."""
        books, since = client.books(), self.since
        return CostData(books.report(self.by, since), books.days(since))

    def show(self, data: CostData) -> None:
        """Fills the table; sums stand in the heading, since sorting would move them."""
        if data.report.by != self.by:
            self.reread()  # another tab was chosen meanwhile
            return
        report, table = data.report, self.query_one(Table)
        table.set_columns(cost_columns(report.by))
        table.set_items(report.lines)
        self.query_one("#cost-head", Heading).say((self.span, "dim"), *_sums(report.total))
        rows = min(DAYS, max(3, self.size.height // 3))
        days = day_lines(data.days, self.size.width, rows)
        self.query_one("#days", Lines).say(*days)
        for part in ("#days", "#days-head"):
            self.query_one(part).display = bool(days)

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the host or the job."""
        line: CostLine | None = event.table.current
        if line is not None and self.by in ("host", "job"):
            self.lt.go(Place(self.by, line.name))


def cost_columns(by: str) -> list[Column[CostLine]]:
    """A host's or week's line has its idle hours; a job's or recipe's has none, but where it ran."""
    name = Column[CostLine]("name", _TITLES[by], 14, lambda line, _w: ((line.name, "bold"),), grow=2)
    if by in ("job", "recipe"):
        return [
            name,
            Column("hosts", "HOST", 12, lambda line, _w: " ".join(line.hosts), grow=2, weight=1),
            _number("ran", N_("RAN h"), lambda line: line.ran_hours, hours, weight=2),
            _number("hours", N_("HOURS"), lambda line: line.hours, hours),
            _number("cost", N_("COST"), lambda line: line.total, money, bold=True),
        ]
    return [
        name,
        Column("jobs", "JOBS", 5, lambda line, _w: str(line.jobs or ""), sort=lambda line: line.jobs, right=True),
        _number("hours", N_("HOURS"), lambda line: line.hours, hours),
        _number("cost", N_("COST"), lambda line: line.cost if line.hours else None, money, weight=1),
        _number("idle", N_("IDLE h"), lambda line: line.idle_hours, hours),
        _number("idle-cost", N_("IDLE"), lambda line: line.idle_cost if line.idle_hours else None, money, weight=2),
        _number("total", N_("TOTAL"), lambda line: line.total, money, bold=True),
    ]


def _number(
    key: str,
    title: str,
    value: Callable[[CostLine], float | None],
    told: Callable[[float], str],
    *,
    bold: bool = False,
    weight: int = 0,
) -> Column[CostLine]:
    def cell(line: CostLine, _width: int) -> tuple[Span, ...]:
        found = value(line)
        return ((told(found), "bold" if bold else ""),) if found is not None else (("", ""),)

    return Column(key, title, 9, cell, sort=value, right=True, weight=weight)


def _sums(total: CostLine) -> list[Span]:
    found: list[Span] = [(f"   {_('total')} ", "dim"), (money(total.total), "bold")]
    if total.idle_hours:
        found += [(f"   {_('idle')} ", "dim"), (f"{hours(total.idle_hours)} h", "warn")]
        found += [(f" = {money(total.idle_cost)}", "warn")] if total.idle_cost is not None else []
    if total.unpriced_hours > 0:
        found.append((f"   {_('{hours} h without a price', hours=hours(total.unpriced_hours))}", "dim"))
    return found
