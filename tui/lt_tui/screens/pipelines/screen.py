"""Pipelines: all of them, and one as a graph with the state of every stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lt_controller.client import Client
from lt_controller.client.stages import Pipeline, StagePlan
from lt_controller.client.words import LtError

from ...groups import GroupPage, word
from ...i18n import _
from ...places import Place
from ...planned import refused
from ...text import path_text, phrase, short_ago
from ...widgets.asking import AskPath
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.dialogs import Confirm
from ...widgets.table import Column, Table
from .graph import Row, rows, stage_columns


class _Pipelines(GroupPage):
    """What one can ask of a pipeline: `chosen` says which."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "Stop", id="pipeline.stop"),
        Binding("r", "resume", "Resume", id="pipeline.resume"),
        Binding("delete,ctrl+d", "remove", "Forget", show=False, id="pipeline.remove"),
    ]

    def chosen(self) -> Pipeline | None:
        """The one that a key means."""
        return None

    def action_stop(self) -> None:
        """Submits nothing more and stops what runs, after a question."""
        if (item := self.chosen()) is None:
            return
        running = [f"{stage.name}   {stage.job_name}" for stage in item.stages if stage.state == "running"]
        self.sure(
            Confirm(_("Stop the pipeline {name}? What runs of it saves and ends.", name=item.name), running),
            lambda client: client.stop_pipeline(item.id),
            phrase("pipeline_stopping", name=item.name),
        )

    def action_resume(self) -> None:
        """Goes on with what has not succeeded, as it was fixed at the run."""
        if (item := self.chosen()) is not None:
            self.do(lambda client: client.resume_pipeline(item.id), _("{name} goes on.", name=item.name))

    def action_remove(self) -> None:
        """Forgets it, after a question; its jobs stay."""
        if (item := self.chosen()) is not None:
            self.sure(
                Confirm(_("Forget the pipeline {name}? Its jobs, and what they have made, stay.", name=item.name)),
                lambda client: client.remove_pipeline(item.id),
                phrase("pipeline_forgotten", name=item.name),
            )


class PipelinesScreen(_Pipelines):
    """All of them, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "run", "Run a file", id="pipeline.run")]

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Pipelines")
        columns = [
            Column[Pipeline]("name", "NAME", 16, lambda p, _w: ((p.name, "bold"),), grow=2),
            Column[Pipeline]("state", "STATE", 13, lambda p, _w: word(p.state), text=lambda p: p.state),
            Column[Pipeline]("done", "DONE", 6, lambda p, _w: _done(p), right=True),
            Column[Pipeline]("age", "AGE", 4, lambda p, _w: ((short_ago(p.created_at), "dim"),), right=True),
            Column[Pipeline]("file", "FILE", 16, lambda p, _w: ((path_text(p.file), "dim"),), grow=3, weight=1),
        ]
        empty = _("No pipelines yet: a runs a file of stages.")
        yield Table[Pipeline](columns, lambda item: item.id, id="pipelines", empty=empty)
        yield KeyBar()

    def read(self, client: Client) -> Sequence[Pipeline]:
        """All of them."""
        return client.pipelines()[::-1]

    def show(self, data: Sequence[Pipeline]) -> None:
        """Fills the table."""
        self.query_one(Table).set_items(data)

    def chosen(self) -> Pipeline | None:
        """The one under the cursor."""
        return self.query_one(Table).current

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: its graph."""
        item: Pipeline | None = event.table.current
        if item is not None:
            self.lt.go(Place("pipeline", item.id))

    def action_run(self) -> None:
        """A file of stages: what would be done, then a question."""

        def named(file: str | None) -> None:
            if file and file.strip():
                self.run_worker(self._run(file.strip()), group="pipeline", exclusive=True, exit_on_error=False)

        note = _("A YAML file with stages; docs/pipelines.md shows one.")
        self.app.push_screen(AskPath(_("Run which pipeline?"), "", note), named)

    async def _run(self, file: str) -> None:
        self.lt.tell(_("Checking …"))
        try:
            plans = await self.lt.ask(lambda client: client.plan_pipeline(file))
        except LtError as error:
            refused(self, error)
            return
        question = _("Run {file}: {count} stages?", file=file, count=len(plans))
        self.sure(
            Confirm(question, [_planned(plan) for plan in plans]),
            lambda client: client.run_pipeline(file),
            _("{name} goes on.", name=file),
        )


class PipelineScreen(_Pipelines):
    """One pipeline: lines run down from a stage to all that need it."""

    def compose(self) -> ComposeResult:
        """A header and the graph."""
        yield TopBar()
        yield Lines(id="pipeline-header")
        yield Heading("Stages")
        yield Table[Row](stage_columns(()), lambda row: row.stage.name, id="stages")
        yield KeyBar()

    @property
    def crumb(self) -> str:
        """Its name."""
        return self.data.name if self.data is not None else self.place.name

    def read(self, client: Client) -> Pipeline:
        """It alone. Raises LtError `no_such_pipeline`."""
        return client.pipeline(self.place.name)

    def show(self, data: Pipeline) -> None:
        """Fills the header and the graph."""
        params = "  ".join(f"{key}={value}" for key, value in data.params.items())
        self.query_one("#pipeline-header", Lines).say(
            (*word(data.state), (f"   {_done(data)}", "bold"), (f"   {path_text(data.file)}", "dim")),
            ((params, "dim"),),
        )
        self.query_one(TopBar).refresh()
        drawn = rows(data.stages)
        table = self.query_one(Table)
        table.set_columns(stage_columns(drawn))
        table.set_items(drawn)

    def chosen(self) -> Pipeline | None:
        """This one."""
        found: Pipeline | None = self.data
        return found

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter: the stage's job, where it has one."""
        row: Row | None = event.table.current
        if row is not None and row.stage.host is not None:
            self.lt.go(Place("job", row.stage.job_name))


def _done(item: Pipeline) -> str:
    return f"{sum(stage.state == 'succeeded' for stage in item.stages)}/{len(item.stages)}"


def _planned(plan: StagePlan) -> str:
    made: Any = plan.plan
    needs = f"  ← {', '.join(plan.needs)}" if plan.needs else ""
    return f"{plan.name}   {made.host if made is not None else plan.asked}   {plan.title}{needs}"
