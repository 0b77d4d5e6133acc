"""Values of jobs as files: CSV of a table, SVG of a chart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..wording import phrase
from .output import note

if TYPE_CHECKING:
    from ..client import Client, Job
    from ..client.details import MetricPoint


def curves_of(client: Client, job: Job, name: str) -> tuple[Sequence[int], Sequence[float]]:
    """Steps and values of a metric over all attempts, later ones winning."""
    from ..client.series import Series

    series = Series(name)
    client.extend_series(series, job.id, job.attempt)
    return series.steps, series.values


def as_csv(points: Sequence[MetricPoint]) -> str:
    """`attempt,name,step,value,time`, a line for each value; NaN stays empty."""
    from ..client.spreadsheet import csv_text

    rows: list[tuple[Any, ...]] = [("attempt", "name", "step", "value", "time")]
    for point in points:
        when = point.time.isoformat() if point.time else ""
        rows.append((point.attempt, point.name, point.step, "" if point.value is None else repr(point.value), when))
    return csv_text(rows)


def write_text(target: str, text: str) -> None:
    """Writes to a file, or to stdout for `-`. Raises OSError."""
    if target == "-":
        click.echo(text, nl=False)
        return
    path = Path(os.path.expanduser(target))
    path.write_text(text, encoding="utf-8")
    note(phrase("written", path=str(path.absolute())))
