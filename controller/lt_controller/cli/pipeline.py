"""`lt pipeline`: a file of stages, each submitted when what it needs has succeeded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..client import Client
from ..display import safe
from ..wording import phrase, say, state, why
from ..wording.say import duration
from .common import Reading, json_option
from .lazy import LazyGroup
from .output import ago, emit, emit_json, emit_pairs, emit_table, note, on_terminal

if TYPE_CHECKING:
    from ..client.details import Request
    from ..client.stages import Pipeline, Stage, StagePlan

COMMANDS = {
    "run": ("pipeline", "run", "run a file of stages"),
    "ls": ("pipeline", "ls", "the pipelines, and how far they are"),
    "show": ("pipeline", "show", "the graph of one, with the state of every stage"),
    "resume": ("pipeline", "resume", "run what has not succeeded; --file takes the file as it is now"),
    "stop": ("pipeline", "stop", "submit nothing more, and stop what runs"),
    "rm": ("pipeline", "rm", "forget one; its jobs stay"),
}
_OWN_WORDS = ("ready", "pending", "blocked", "refused", "stopped")  # states that no job has
_MARKS = {"succeeded": "●", "running": "◉", "failed": "✗", "refused": "✗", "lost": "✗", "timed_out": "✗"}
_COLOURS = {
    "succeeded": "green",
    "running": "cyan",
    "preparing": "cyan",
    "stopping": "yellow",
    "paused": "yellow",
    "blocked": "dim",
    "pending": "dim",
    **dict.fromkeys(("failed", "refused", "lost", "timed_out", "cancelled"), "red"),
}
SETTLE = 10.0  # seconds that a command waits to see that what it asked for was taken

_params = click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
_on = click.option("--on", metavar="HOST", help="a host, or `any`, for stages that name none")
_dry = click.option("--dry-run", is_flag=True, help="check everything, show what would be done, do nothing")


@click.group(cls=LazyGroup, table=COMMANDS)
def pipeline() -> None:
    """Stages that follow each other: a recipe or a command each, with what others of them have made.

    Everything is checked and fixed when you say run. Stages after the first are submitted by this machine, so they
    begin when it is awake; what has begun goes on without it.
    """


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_params
@_on
@click.option("--new", is_flag=True, help="from the beginning, though the file was run before")
@_dry
@json_option
def run(file: Path, params: tuple[str, ...], on: str | None, new: bool, dry_run: bool, as_json: bool) -> int:
    """Run the stages of FILE; prints the pipeline's id. NAME=VALUE gives its params other values.

    \b
    lt pipeline run sft-eval.yaml --dry-run
    lt pipeline run sft-eval.yaml lr=1e-4 --on any
    """
    with Reading() as reading, Client(progress=reading.note) as client:
        if dry_run:
            return _show_plans(client.plan_pipeline(file, params, on=on), as_json)
        request = client.run_pipeline(file, params, on=on, new=new)
        return _asked(client, request, as_json)


@click.command()
@json_option
def ls(as_json: bool) -> int:
    """All pipelines, oldest first."""
    with Client() as client:
        client.catch_up()
        found = client.pipelines()
    if as_json:
        emit_json(found)
    elif not found:
        note(phrase("pipeline_none"))
    else:
        rows = [
            (
                item.name,
                word(item.state),
                f"{sum(stage.state == 'succeeded' for stage in item.stages)}/{len(item.stages)}",
                ago(item.created_at),
                item.id,
                item.file,
            )
            for item in found
        ]
        emit_table(("NAME", "STATE", "DONE", "AGE", "ID", "FILE"), rows, right=(2,), spare=("FILE", "ID"))
    return 0


@click.command()
@click.argument("ref", metavar="PIPELINE")
@json_option
def show(ref: str, as_json: bool) -> int:
    """The graph of PIPELINE (its name or id), with the state of every stage."""
    with Client() as client:
        client.catch_up()
        found = client.pipeline(ref)
    if as_json:
        emit_json(found)
    else:
        _show(found)
    return 0


@click.command()
@click.argument("ref", metavar="PIPELINE")
@_params
@click.option("--file", type=click.Path(path_type=Path), help="the file as it is now: edited stages, and what follows")
@click.option("--on", metavar="HOST", help="go on there with what has not succeeded; jobs elsewhere are left")
@_dry
@json_option
def resume(ref: str, params: tuple[str, ...], file: Path | None, on: str | None, dry_run: bool, as_json: bool) -> int:
    """Run what has not succeeded of PIPELINE, as it was fixed at its run; a failed training goes on from its newest
    checkpoint.

    With --file the file is read again: stages that were edited run anew, and all that follows them.
    """
    with Reading() as reading, Client(progress=reading.note) as client:
        if params and file is None:
            file = Path(client.pipeline(ref).file)
        if dry_run:
            return _show_plans(client.plan_resume(ref, file=file, params=params, on=on), as_json)
        request, plans = client.resume_pipeline(ref, file=file, params=params, on=on)
        if not as_json:
            for plan in plans:
                note(phrase(f"stage_{plan.action}", stage=plan.name))
        return _asked(client, request, as_json)


@click.command()
@click.argument("ref", metavar="PIPELINE")
@json_option
def stop(ref: str, as_json: bool) -> int:
    """Submit nothing more of PIPELINE, and ask what runs of it to save and end."""
    with Client() as client:
        found = client.pipeline(ref)
        client.settle(client.stop_pipeline(found.id), SETTLE)
        if as_json:
            emit_json(client.pipeline(found.id))
        else:
            note(phrase("pipeline_stopping", name=found.name))
    return 0


@click.command()
@click.argument("ref", metavar="PIPELINE")
@json_option
def rm(ref: str, as_json: bool) -> int:
    """Forget PIPELINE. Its jobs, and what they have made, stay."""
    with Client() as client:
        found = client.pipeline(ref)
        request = client.settle(client.remove_pipeline(found.id), SETTLE)
    if as_json:
        emit_json(request)
    else:
        note(phrase("pipeline_forgotten", name=found.name))
    return 0


def word(name: str) -> str:
    """The state of a pipeline or a stage."""
    return phrase(f"stage_is_{name}") if name in _OWN_WORDS else state(name)


def _asked(client: Client, request: Request, as_json: bool) -> int:
    client.settle(request, SETTLE)
    if as_json:
        emit_json(client.pipeline(str(request.job)) if not request.open or _taken(client, request) else request)
        return 0
    emit(str(request.job))
    note(phrase("pipeline_asked", id=str(request.job)))
    return 0


def _taken(client: Client, request: Request) -> bool:
    return any(item.id == request.job for item in client.pipelines())


def _show(found: Pipeline) -> None:
    took = found.finished_at and found.created_at and (found.finished_at - found.created_at).total_seconds()
    emit_pairs(
        [
            ("name", found.name),
            ("id", found.id),
            ("state", word(found.state)),
            ("path", found.file),
            ("started", f"{ago(found.created_at)}"),
            ("took", duration(took) if took else None),
            ("params", ", ".join(f"{key}={value}" for key, value in found.params.items())),
        ]
    )
    emit("")
    headings = ("STAGE", "STATE", "HOST", "JOB", "STEP", "TOOK", "WHY")
    done = {stage.name for stage in found.stages if stage.state == "succeeded"}
    rows = [_row(stage, done) for stage in found.stages]
    if not on_terminal():
        emit_table((*headings, "NEEDS"), [(*row, " ".join(s.needs)) for row, s in zip(rows, found.stages, strict=True)])
        return
    _draw(found.stages, rows)


def _row(stage: Stage, done: Collection[str]) -> tuple[str, ...]:
    begun = stage.state not in _OWN_WORDS
    took = (stage.finished_at - stage.started_at).total_seconds() if stage.finished_at and stage.started_at else None
    return (
        stage.name,
        word(stage.state),
        (stage.host or stage.asked) if begun else stage.asked,
        stage.job_name if begun else "",
        f"{stage.step or 0}/{stage.total_steps}" if stage.total_steps else "",
        duration(took) if took is not None else ago(stage.started_at),
        _why(stage, done),
    )


def _why(stage: Stage, done: Collection[str]) -> str:
    for error in (stage.error, stage.waits):
        if error:
            return say(error).message
    if stage.state == "blocked":
        return phrase("stage_needs", stages=", ".join(need for need in stage.needs if need not in done))
    if stage.reason and stage.state not in ("succeeded", "running"):
        return why(stage.reason, stage.message, stage.exit_code)
    return ""


def _draw(stages: Sequence[Stage], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..client.lanes import lanes

    drawn = lanes([stage.name for stage in stages], {stage.name: stage.needs for stage in stages})
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for number in range(len(rows[0])):
        table.add_column(overflow="fold", no_wrap=number < len(rows[0]) - 1)
    for stage, row in zip(stages, rows, strict=True):
        before, after = drawn[stage.name]
        colour = _COLOURS.get(stage.state, "")
        graph = Text.assemble((before, "dim"), (_MARKS.get(stage.state, "○"), colour), (after, "dim"))
        table.add_row(graph, *(Text(safe(cell), style=colour if i == 1 else "") for i, cell in enumerate(row)))
    Console().print(table)


def _show_plans(plans: Sequence[StagePlan], as_json: bool) -> int:
    if as_json:
        emit_json(plans)
        return 0
    rows = []
    for plan in plans:
        made = plan.plan
        sends = phrase("stage_sends", size=made.size) if made is not None and made.size else ""
        where = made.host if made is not None else plan.asked
        rows.append((plan.name, phrase(f"does_{plan.action}"), where, plan.title, ", ".join(plan.needs), sends))
    emit_table(("STAGE", "DO", "HOST", "RECIPE", "NEEDS", "NOTE"), rows)
    return 0
