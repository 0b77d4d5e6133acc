"""`lt cost`: what jobs, hosts and weeks have cost."""

from __future__ import annotations

import shutil
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from ..client import Client
from ..client.costing import BY
from ..wording import phrase
from .common import json_option
from .curves import write_text
from .host_usage import show_usage
from .output import emit, emit_json, emit_table, note
from .times import moment

if TYPE_CHECKING:
    from datetime import datetime

    from ..client.books import Books
    from ..client.cost import CostLine, CostReport

_PLOT_WIDTH, _PLOT_HEIGHT = 100, 8
_HOSTS_SHOWN = 3
_TOLD_FROM = 0.05  # hours; less would be told as 0.0


@click.command()
@click.option("--by", type=click.Choice(BY), default="host", show_default=True, help="a line for each of these")
@click.option("--host", metavar="HOST", help="of this host alone")
@click.option("--since", metavar="TIME", help="from then on: 2026-11-21, 2026-11-21T08:00, or 2d, 12h ago")
@click.option("--until", metavar="TIME", help="up to then, in the same form")
@click.option("--plot", "draw", is_flag=True, help="draw the cost of each day, and how busy the hosts were")
@click.option("--csv", "csv_file", metavar="FILE", help="write the lines as CSV; - is stdout")
@click.option("--svg", "svg_file", metavar="FILE", help="draw what each host has cost, day by day, into a picture")
@json_option
def cost(
    by: str,
    host: str | None,
    since: str | None,
    until: str | None,
    draw: bool,
    csv_file: str | None,
    svg_file: str | None,
    as_json: bool,
) -> int:
    """What hosts, jobs, recipes or weeks have cost, by the price that held at the time, and what was idle.

    While jobs run side by side they share the host's hours by the GPUs (or slots) they take; hours of a rented host in
    which nothing of yours ran are idle. A host's cost is that of its jobs and that of its idle hours.

    \b
    lt cost --by week
    lt cost --by job --host a100 --since 7d
    lt cost --by job --csv november.csv --since 2026-11-01 --until 2026-12-01
    """
    start, end = moment(since), moment(until)
    with Client() as client:
        if host is not None:
            client.host_history(host)
        books = client.books(until=end, host=host)
        report = books.report(by, start)
        if draw and not as_json and "-" not in (csv_file, svg_file):  # there a program reads
            _draw(client, books, report, start)
    if csv_file:
        write_text(csv_file, as_csv(report))
    if svg_file:
        write_text(svg_file, _picture(books, start))
    if csv_file or svg_file:
        return 0
    if as_json:
        emit_json(report)
        return 0
    if not report.lines and report.idle is None:
        note(phrase("cost_nothing"))
        return 0
    _table(report)
    if report.total.unpriced_hours >= _TOLD_FROM:
        note(phrase("cost_unpriced", hours=f"{report.total.unpriced_hours:.1f}"))
    return 0


def money(value: float | None) -> str:
    """A sum in the unit of the hosts' prices; `?` where no price is known. What is not free is not shown as 0.00."""
    if value is None:
        return "?"
    return f"{value:.2f}" if value >= 0.01 or value == 0 else f"{value:.1g}"


def as_csv(report: CostReport) -> str:
    """A line for each, what is idle (where it is apart) and the total after them; unknown sums stay empty."""
    from ..client.cost import CostLine
    from ..client.spreadsheet import csv_text

    names = [field.name for field in fields(CostLine)]
    rows: list[tuple[Any, ...]] = [("kind", *names)]
    idle = [("idle", report.idle)] if report.idle else []
    for kind, line in [*((report.by, line) for line in report.lines), *idle, ("total", report.total)]:
        values = (getattr(line, name) for name in names)
        rows.append((kind, *(" ".join(value) if isinstance(value, tuple) else value for value in values)))
    return csv_text(rows)


def _table(report: CostReport) -> None:
    first = report.by.upper()
    if report.by in ("job", "recipe"):
        rows = [_share(line.name, line, _places(line)) for line in report.lines]
        if report.idle is not None:
            rows.append(_share(phrase("cost_idle"), report.idle))
        rows.append(_share(phrase("cost_total"), report.total))
        emit_table((first, "HOST", "RAN", "HOURS", "COST"), rows, right=(2, 3, 4), spare=("RAN", "HOST"))
        return
    emit_table(
        (first, "JOBS", "HOURS", "COST", "IDLE", "IDLE COST", "TOTAL"),
        [*(_whole(line.name, line) for line in report.lines), _whole(phrase("cost_total"), report.total)],
        right=range(1, 7),
        spare=("JOBS", "HOURS"),
    )


def _share(name: str, line: CostLine, hosts: str = "") -> tuple[object, ...]:
    """A job's or recipe's, and what is idle beside them."""
    return (name, hosts, _hours(line.ran_hours), _hours(line.hours + line.idle_hours), money(line.total))


def _whole(name: str, line: CostLine) -> tuple[object, ...]:
    """A host's or week's."""
    return (
        name,
        line.jobs or "",
        _hours(line.hours),
        money(line.cost) if line.hours else "",
        _hours(line.idle_hours),
        money(line.idle_cost) if line.idle_hours else "",
        money(line.total),
    )


def _places(line: CostLine) -> str:
    """The first few of its hosts."""
    return " ".join([*line.hosts[:_HOSTS_SHOWN], *(["…"] if len(line.hosts) > _HOSTS_SHOWN else [])])


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 0.05 else f"{hours:.3f}" if hours else ""


def _draw(client: Client, books: Books, report: CostReport, since: datetime | None) -> None:
    from ..plot import plot

    for host in report.total.hosts:
        first = since or books.first(host)
        if first is not None:
            show_usage(client, host, first, phrase("usage_of", host=host, first=_day(first)))
    days = books.days(since)
    if len(days) < 2:
        note(phrase("cost_one_day"))
        return
    width = max(20, min(_PLOT_WIDTH, shutil.get_terminal_size((100, 30)).columns - 14))
    ran, idle = [busy.cost for _, busy, _ in days], [idle.cost for _, _, idle in days]
    for name, values in (("cost_of_days", ran), ("cost_of_idle", idle)):
        if any(values):
            points = [(float(n), value) for n, value in enumerate(values)]
            told = {"total": f"{sum(values):.2f}", "first": _day(days[0][0]), "last": _day(days[-1][0])}
            for line in plot(points, width=width, height=_PLOT_HEIGHT, title=phrase(name, **told)):
                emit(line)


def _day(when: datetime) -> str:
    return when.strftime("%Y-%m-%d")


def _picture(books: Books, since: datetime | None) -> str:
    """What each host has cost by the end of each day."""
    from itertools import accumulate

    from ..client.drawing import svg

    curves = []
    for host in sorted(books.costs):
        values = list(accumulate(busy.cost + idle.cost for _, busy, idle in books.days(since, host)))
        if values and values[-1]:
            curves.append((host, range(len(values)), values))
    first = books.days(since)
    return svg(curves, first_day=first[0][0].date() if first else None)
