"""`lt compare`: jobs side by side."""

from __future__ import annotations

import json

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..client.comparing import Comparison, Reached, compare
from ..wording import state
from ..wording.say import duration
from .common import json_option
from .jobs import steps
from .output import emit, emit_json, emit_table


@click.command("compare")
@click.argument("refs", nargs=-1, required=True, metavar="JOB JOB...")
@click.option("--svg", "svg_file", metavar="FILE", help="draw --metric of all of them into FILE")
@click.option("--metric", default="loss", show_default=True, metavar="NAME", help="what --svg draws")
@json_option
def compare_jobs(refs: tuple[str, ...], svg_file: str | None, metric: str, as_json: bool) -> int:
    """What the recipes of JOBs differ in, how far they came, and the values they reached (last, and lowest).

    \b
    lt compare sft-a sft-b
    lt compare sft-a sft-b sft-c --svg loss.svg
    """
    if len(refs) < 2:
        raise click.UsageError("name at least two jobs")
    with Client() as client:
        found = compare(client, refs)
        if svg_file:
            from .curves import curves_of, write_text

            curves = [(job.name, *curves_of(client, job, metric)) for job in found.jobs]
            if not any(len(steps) for _name, steps, _values in curves):
                raise LtError("no_metrics", job=found.jobs[0].name, name=metric, known=[n for n, _ in found.metrics])
            from ..client.drawing import svg

            write_text(svg_file, svg(curves))
    if as_json:
        emit_json(found)
    elif not svg_file:
        _tables(found)
    return 0


def _tables(found: Comparison) -> None:
    heads = [job.name for job in found.jobs]
    right = range(1, len(heads) + 1)
    rows: list[list[str]] = [
        ["state", *(state(job.state) for job in found.jobs)],
        ["host", *(job.host for job in found.jobs)],
        ["step", *(steps(job) for job in found.jobs)],
        ["took", *("" if took is None else duration(took) for took in found.seconds)],
    ]
    from ..wording.headings import heading

    emit_table(("JOB", *heads), [[heading(row[0]), *row[1:]] for row in rows])
    if found.differences:
        emit("")
        emit_table(("RECIPE", *heads), [[key, *map(_value, values)] for key, values in found.differences])
    if found.metrics:
        emit("")
        emit_table(("METRIC", *heads), [[name, *map(_reached, values)] for name, values in found.metrics], right=right)


def _value(value: object) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reached(value: Reached | None) -> str:
    if value is None:
        return "–"
    last = "NaN" if value.last is None else f"{value.last:.5g}"
    return last if value.low is None or value.low == value.last else f"{last} ({value.low:.5g})"
