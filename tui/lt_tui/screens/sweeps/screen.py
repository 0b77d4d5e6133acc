"""Sweeps: all of them, and one with its trials as a table and a plot."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lt_controller.client import Client
from lt_controller.client.series import Series
from lt_controller.client.trials import Sweep, Trial

from ...groups import GroupPage, word
from ...i18n import _
from ...places import Place
from ...text import number, phrase, said, short_ago
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.chart import Chart, Curve
from ...widgets.dialogs import Confirm
from ...widgets.table import Column, Table
from .trials import params, trial_columns


class _Sweeps(GroupPage):
    """What one can ask of a sweep: `chosen` says which."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop", id="sweep.stop"),
        Binding("r", "resume", "Resume", id="sweep.resume"),
    ]

    def chosen(self) -> Sweep | None:
        """The one that a key means."""
        return None

    def action_stop(self) -> None:
        """Begins no further trial and stops those under way, after a question."""
        if (item := self.chosen()) is not None:
            under_way = [f"{trial.job}   {params(trial)}" for trial in item.trials if not trial.over]
            self.sure(
                Confirm(_("Stop the sweep {name}? Trials under way save and end.", name=item.name), under_way[:12]),
                lambda client: client.stop_sweep(item.id),
                phrase("sweep_stops", sweep=item.name),
            )

    def action_resume(self) -> None:
        """Goes on with what was stopped or has failed, then the rest."""
        if (item := self.chosen()) is not None:
            again = sum(trial.state in ("stopped", "failed") for trial in item.trials)
            told = phrase("sweep_resumes", sweep=item.name, again=again or None)
            self.do(lambda client: client.resume_sweep(item.id), told)


class SweepsScreen(_Sweeps):
    """All of them, the newest first."""

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Sweeps")
        columns = [
            Column[Sweep]("name", "SWEEP", 14, lambda s, _w: ((s.name, "bold"),), grow=2),
            Column[Sweep]("recipe", "RECIPE", 12, lambda s, _w: s.recipe, grow=1, weight=2),
            Column[Sweep]("state", "STATE", 13, lambda s, _w: word(s.state), text=lambda s: s.state),
            Column[Sweep]("trials", "TRIALS", 7, lambda s, _w: _over(s), right=True),
            Column[Sweep]("best", "BEST", 9, lambda s, _w: _best(s), right=True),
            Column[Sweep]("by", "BY", 14, lambda s, _w: _best_job(s), grow=1, weight=1),
            Column[Sweep]("age", "AGE", 4, lambda s, _w: ((short_ago(s.created_at), "dim"),), right=True, weight=3),
        ]
        empty = _("No sweeps yet: submit a recipe that has sweep: in it.")
        yield Table[Sweep](columns, lambda item: item.id, id="sweeps", empty=empty)
        yield KeyBar()

    def read(self, client: Client) -> Sequence[Sweep]:
        """All of them."""
        return client.sweeps()[::-1]

    def show(self, data: Sequence[Sweep]) -> None:
        """Fills the table."""
        self.query_one(Table).set_items(data)

    def chosen(self) -> Sweep | None:
        """The one under the cursor."""
        return self.query_one(Table).current

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: its trials."""
        item: Sweep | None = event.table.current
        if item is not None:
            self.lt.go(Place("sweep", item.id))


class SweepScreen(_Sweeps):
    """One sweep: its best, the value by trial, and all trials."""

    def compose(self) -> ComposeResult:
        """A header, the plot, the table."""
        yield TopBar()
        yield Lines(id="sweep-header")
        yield Chart(id="sweep-plot")
        yield Heading("Trials")
        yield Table[Trial](trial_columns((), lambda: self.data), lambda trial: str(trial.number), id="trials")
        yield KeyBar()

    @property
    def crumb(self) -> str:
        """Its name."""
        return self.data.name if self.data is not None else self.place.name

    def read(self, client: Client) -> Sweep:
        """It alone. Raises LtError `no_such_sweep`, `ambiguous_sweep`."""
        return client.sweep(self.place.name)

    def show(self, data: Sweep) -> None:
        """Fills the header, the plot and the table."""
        best = data.best
        told = _("no trial has ended with a value yet")
        if best is not None:
            told = f"{_('best')} {best.job}   {data.metric} {number(best.value)}   {params(best)}"
        lines = [
            (*word(data.state), (f"   {data.recipe} · {data.hosts}", ""), (f"   {_over(data)} {_('trials')}", "bold")),
            ((told, "run" if best is not None else "dim"),),
        ]
        if data.error:
            lines.append(((said(data.error).message, "warn"),))
        self.query_one("#sweep-header", Lines).say(*lines)
        self.query_one(TopBar).refresh()
        known = [trial for trial in data.trials if trial.value is not None]
        chart = self.query_one(Chart)
        chart.display = len(known) > 1
        steps = array("q", [trial.number for trial in known])
        values = array("d", [trial.value or 0.0 for trial in known])
        trials = Curve(_("{metric} by trial", metric=data.metric or ""), Series("value", steps, values), dots=True)
        so_far = accumulate(values, max if data.direction == "maximize" else min)
        best_yet = Curve(_("the best so far"), Series("best", steps, array("d", so_far)))
        chart.set_curves([trials, best_yet])
        table = self.query_one(Table)
        table.set_columns(trial_columns(data.keys, lambda: self.data))
        table.set_items(data.trials)

    def chosen(self) -> Sweep | None:
        """This one."""
        found: Sweep | None = self.data
        return found

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the trial's job."""
        trial: Trial | None = event.table.current
        if trial is not None and trial.kind is not None:
            self.lt.go(Place("job", trial.job))


def _over(item: Sweep) -> str:
    return f"{sum(trial.over for trial in item.trials)}/{item.total}"


def _best(item: Sweep) -> str:
    return number(item.best.value) if item.best is not None else ""


def _best_job(item: Sweep) -> str:
    return item.best.job if item.best is not None else ""
