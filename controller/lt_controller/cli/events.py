"""`lt events`: what happened, over all jobs."""

from __future__ import annotations

import click

from ..client import Client
from ..client.models import as_dict
from ..wording import event
from .common import json_option
from .output import emit_json, emit_table


@click.command()
@click.option("-n", "--last", default=50, show_default=True, type=click.IntRange(1), help="how many of the newest")
@click.option("--host", metavar="HOST", help="of jobs on this host alone")
@click.option("--job", "ref", metavar="JOB", help="of this job alone")
@json_option
def events(last: int, host: str | None, ref: str | None, as_json: bool) -> int:
    """What happened to all jobs, the newest last. `lt show JOB --events` has all of one job's."""
    with Client() as client:
        client.catch_up()
        if host is not None:
            client.host(host)
        name = client.job(ref).name if ref is not None else None
        found = client.recent_events(last, host=host, job=name)[::-1]
    if as_json:
        emit_json([{"job": job, **as_dict(item)} for job, item in found])
        return 0
    rows = [
        (
            item.time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if item.time else "",
            job,
            item.host or "",
            event(item.code, item.params),
        )
        for job, item in found
    ]
    emit_table(("TIME", "JOB", "HOST", "WHAT"), rows, spare=("HOST",))
    return 0
