"""A pipeline's stages as lines of a table, with the graph in the first column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lt_controller.client import words
from lt_controller.client.lanes import lanes
from lt_controller.client.stages import Stage

from ...groups import sign_of, word
from ...i18n import current
from ...text import Cell, duration, phrase, said, short_ago
from ...widgets.table import Column


@dataclass(frozen=True)
class Row:
    """A stage with the lines beside its mark, and what it still needs."""

    stage: Stage
    before: str
    after: str
    missing: tuple[str, ...]


def rows(stages: Sequence[Stage]) -> list[Row]:
    """One for each, in an order in which they can run."""
    drawn = lanes([stage.name for stage in stages], {stage.name: stage.needs for stage in stages})
    done = {stage.name for stage in stages if stage.state == "succeeded"}
    return [Row(stage, *drawn[stage.name], tuple(n for n in stage.needs if n not in done)) for stage in stages]


def stage_columns(drawn: Sequence[Row]) -> list[Column[Row]]:
    """The graph, as wide as it is, then what is known of the stage."""
    width = max((len(row.before) + 1 + len(row.after) for row in drawn), default=1)
    return [
        Column("", "", width, _graph),
        Column("stage", "STAGE", 12, lambda row, _w: ((row.stage.name, "bold"),), grow=1),
        Column("state", "STATE", 13, lambda row, _w: word(row.stage.state), text=lambda row: row.stage.state),
        Column("host", "HOST", 8, lambda row, _w: row.stage.host or ((row.stage.asked, "faint"),), grow=1, weight=1),
        Column("step", "STEP", 9, _steps, right=True, weight=2),
        Column("took", "TOOK", 8, _took, right=True, weight=3),
        Column("why", "WHY", 14, _why, grow=3, weight=4),
    ]


def _graph(row: Row, _width: int) -> Cell:
    mark, colour = sign_of(row.stage.state)
    return ((row.before, "dim"), (mark, colour), (row.after, "dim"))


def _steps(row: Row, _width: int) -> Cell:
    stage = row.stage
    return f"{stage.step or 0}/{stage.total_steps}" if stage.total_steps else ""


def _took(row: Row, _width: int) -> Cell:
    begun, ended = row.stage.started_at, row.stage.finished_at
    if begun is None:
        return ""
    return duration((ended - begun).total_seconds()) if ended else ((short_ago(begun), "dim"),)


def _why(row: Row, _width: int) -> Cell:
    stage = row.stage
    for error in (stage.error, stage.waits):
        if error:
            return ((said(error).message, "warn"),)
    if stage.state == "blocked":
        return ((phrase("stage_needs", stages=", ".join(row.missing)), "dim"),)
    if stage.reason and stage.state not in ("succeeded", "running"):
        return words.why(stage.reason, stage.message, stage.exit_code, current())
    return ""
