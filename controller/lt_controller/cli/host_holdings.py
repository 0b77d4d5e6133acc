"""`lt host top` and `lt host disk`: what a host is busy with, and what of ours fills it."""

from __future__ import annotations

import click

from ..client import Client
from ..wording import phrase
from ..wording.headings import heading
from ..wording.say import duration, size
from .common import json_option
from .output import ago, emit, emit_json, emit_table, note


@click.command()
@click.argument("name", metavar="HOST")
@json_option
def top(name: str, as_json: bool) -> int:
    """The processes of HOST: those of our jobs, those that use a GPU, and the largest of the rest."""
    with Client() as client:
        found = client.holdings(name, disk=False)
    if as_json:
        emit_json(found)
        return 0
    rows = [
        (
            item.pid,
            item.user,
            item.name,
            item.job or ("lt" if item.ours else ""),
            size(item.gpu_memory) if item.gpu_memory else "",
            size(item.memory) if item.memory else "",
            f"{item.cpu:.0f}",
            duration(item.age),
        )
        for item in found.processes
    ]
    emit_table(
        ("PID", "USER", "PROCESS", "JOB", "GPU MEMORY", "MEMORY", "CPU %", "AGE"),
        rows,
        right=(0, 4, 5, 6, 7),
        spare=("AGE", "CPU %", "USER"),
    )
    return 0


@click.command()
@click.argument("name", metavar="HOST")
@json_option
def disk(name: str, as_json: bool) -> int:
    """What of ours lies on HOST: environments, data, jobs, agents, with the largest of each first."""
    with Client() as client:
        found = client.holdings(name)
    if as_json:
        emit_json(found)
        return 0
    items = found.items or ()
    rows = [(heading(item.kind), item.name[:40], item.detail[:8], size(item.size), ago(item.used)) for item in items]
    emit_table(("KIND", "NAME", "DIGEST", "SIZE", "CHANGED"), rows, right=(3,), spare=("DIGEST", "CHANGED"))
    emit(phrase("disk_total", total=size(sum(item.size for item in items))))
    if found.partial:
        note(phrase("disk_partial"))
    return 0
