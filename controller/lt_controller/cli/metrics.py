"""`lt metrics`."""

from __future__ import annotations

import shutil

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..client.details import MetricPoint
from ..display import safe
from .common import json_option
from .curves import as_csv, curves_of, write_text
from .output import emit, emit_json, emit_table

_DEFAULT = "loss"


@click.command()
@click.argument("ref", metavar="JOB")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--plot", "draw", is_flag=True, help="draw each as a curve (loss, if none is named)")
@click.option("--attempt", type=click.IntRange(1), help="of this attempt; else of all, later ones winning")
@click.option("--csv", "csv_file", metavar="FILE", help="write the values as CSV; - is stdout")
@click.option("--svg", "svg_file", metavar="FILE", help="draw all NAMEs (loss, if none is named) into one picture")
@json_option
def metrics(
    ref: str,
    names: tuple[str, ...],
    draw: bool,
    attempt: int | None,
    csv_file: str | None,
    svg_file: str | None,
    as_json: bool,
) -> int:
    """The values that JOB has logged: without NAME a line for each, with NAMEs every step.

    \b
    lt metrics sft-lora-k3x9qp
    lt metrics sft-lora-k3x9qp loss eval_loss
    lt metrics sft-lora-k3x9qp --plot
    lt metrics sft-lora-k3x9qp loss eval_loss --svg loss.svg
    """
    with Client() as client:
        job = client.job(ref)
        known = client.metric_names(job.id)
        wanted = list(names) or ([_DEFAULT if _DEFAULT in known else known[0]] if (draw or svg_file) and known else [])
        for name in wanted:
            if name not in known:
                raise LtError("no_metrics", job=job.name, name=name, known=known)
        if not known and not as_json:
            raise LtError("no_metrics", job=job.name)
        points = client.metrics(job.id, wanted or None, attempt=attempt)
        if svg_file:
            from ..client.drawing import svg

            write_text(svg_file, svg([(name, *curves_of(client, job, name)) for name in wanted]))
    if csv_file:
        write_text(csv_file, as_csv(points))
    if csv_file or svg_file:
        return 0
    if as_json:
        emit_json(points)
    elif draw:
        _draw(wanted, points)
    elif wanted:
        _steps(wanted, points)
    else:
        _summary(points)
    return 0


def _draw(names: list[str], points: list[MetricPoint]) -> None:
    from ..plot import plot

    columns, rows = shutil.get_terminal_size((100, 30))
    for name in names:
        curve = [(float(p.step), p.value) for p in points if p.name == name and p.value is not None]
        last = f"{name}: {curve[-1][1]:.4g}" if curve else name
        height = max(6, min(14, rows - 6))
        for line in plot(curve, width=max(20, min(100, columns - 14)), height=height, title=safe(last)):
            emit(line)


def _steps(names: list[str], points: list[MetricPoint]) -> None:
    table: dict[int, dict[str, float | None]] = {}
    for point in points:
        table.setdefault(point.step, {})[point.name] = point.value
    rows = [[step, *(_number(values, name) for name in names)] for step, values in sorted(table.items())]
    emit_table(("STEP", *names), rows, right=range(len(names) + 1))


def _summary(points: list[MetricPoint]) -> None:
    by_name: dict[str, list[MetricPoint]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)
    rows = []
    for name, found in sorted(by_name.items()):
        values = [p.value for p in found if p.value is not None]
        ends = [f"{value:.5g}" for value in (min(values), max(values))] if values else ["", ""]
        last = "NaN" if found[-1].value is None else f"{found[-1].value:.5g}"
        rows.append((name, last, *ends, len(found), found[-1].step))
    emit_table(("NAME", "LAST", "MIN", "MAX", "VALUES", "STEP"), rows, right=range(1, 6))


def _number(values: dict[str, float | None], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    return "NaN" if value is None else f"{value:.6g}"
