"""How past jobs went: success, waiting and speed, by host, by recipe, or by both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult

from lt_controller.client import Client
from lt_controller.client.details import Stat

from ...glyphs import bar
from ...i18n import N_, _
from ...places import Place
from ...reckoned import ReckonedPage
from ...text import Cell, duration
from ...widgets.bars import Heading, KeyBar, TopBar
from ...widgets.table import Column, Table
from ...widgets.tabs import TabLine


@dataclass(frozen=True)
class Stats:
    """Lines, and by what they are added up."""

    by: str
    lines: Sequence[Stat]


class StatsScreen(ReckonedPage):
    """The rate of success leaves out what a person stopped."""

    TABS: ClassVar[tuple[str, ...]] = (N_("host"), N_("recipe"), N_("both"))

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield TabLine(self.TABS)
        yield Heading("Statistics")
        empty = _("No job was submitted in this time.")
        yield Table[Stat](stat_columns("host"), lambda s: f"{s.host}/{s.recipe}", id="stats", empty=empty)
        yield KeyBar()

    def read(self, client: Client) -> Stats:
        """Added up by what the tab says."""
        by = self.by
        return Stats(by, client.stats(by, since=self.since))

    def show(self, data: Stats) -> None:
        """Fills the table."""
        if data.by != self.by:
            self.reread()  # another tab was chosen meanwhile
            return
        table = self.query_one(Table)
        table.set_columns(stat_columns(data.by))
        table.set_items(data.lines)
        jobs = _("{count} jobs", count=sum(stat.jobs for stat in data.lines))
        self.query_one(Heading).say((f"{self.span}   {jobs}", "dim"))

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the host."""
        stat: Stat | None = event.table.current
        if stat is not None and stat.host:
            self.lt.go(Place("host", stat.host))


def stat_columns(by: str) -> list[Column[Stat]]:
    """What one looks for first, first."""
    names = [
        Column[Stat]("host", "HOST", 10, lambda s, _w: ((s.host, "bold"),), grow=1),
        Column[Stat]("recipe", "RECIPE", 12, lambda s, _w: ((s.recipe, "bold" if by == "recipe" else ""),), grow=2),
    ]
    return [
        *(names if by == "both" else [names[by == "recipe"]]),
        Column("jobs", "JOBS", 5, lambda s, _w: str(s.jobs), sort=lambda s: s.jobs, right=True),
        Column("success", "SUCCESS", 16, _success, sort=lambda s: s.success, text=_percent),
        _count("failed", N_("FAILED"), 6, lambda s: s.failed, 5),
        _count("stopped", N_("STOPPED"), 7, lambda s: s.stopped, 7),
        _length("waited", N_("WAITED"), lambda s: s.waited, 2),
        _length("waited-90", N_("9 OF 10"), lambda s: s.waited_long, 6),
        _rate("hours", N_("HOURS"), lambda s: s.ran or None, "{:.1f}", 4),
        _rate("per-day", N_("A DAY"), lambda s: s.jobs_a_day, "{:.1f}", 8),
        _rate("steps/s", N_("STEPS/S"), lambda s: s.steps_a_second, "{:.3g}", 1),
        _rate("tokens/s", N_("TOKENS/S"), lambda s: s.tokens_a_second, "{:.0f}", 3),
    ]


def _success(stat: Stat, width: int) -> Cell:
    if stat.success is None:
        return (("–", "faint"),)
    full, empty = bar(stat.success, max(4, width - 6))
    tone = "ok" if stat.success >= 0.9 else "warn" if stat.success >= 0.5 else "bad"
    return ((full, tone), (empty, "faint"), (f" {stat.success:4.0%}", ""))


def _percent(stat: Stat) -> str:
    return f"{stat.success:.0%}" if stat.success is not None else ""


def _count(key: str, title: str, width: int, value: Callable[[Stat], int], weight: int) -> Column[Stat]:
    return Column(key, title, width, lambda s, _w: str(value(s) or ""), sort=value, right=True, weight=weight)


def _length(key: str, title: str, value: Callable[[Stat], float | None], weight: int) -> Column[Stat]:
    def cell(stat: Stat, _width: int) -> Cell:
        return duration(found) if (found := value(stat)) is not None else ""

    return Column(key, title, 8, cell, sort=value, right=True, weight=weight)


def _rate(key: str, title: str, value: Callable[[Stat], float | None], form: str, weight: int) -> Column[Stat]:
    def cell(stat: Stat, _width: int) -> Cell:
        return form.format(found) if (found := value(stat)) is not None else ""

    return Column(key, title, 8, cell, sort=value, right=True, weight=weight)
