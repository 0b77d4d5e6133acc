"""`lt data`: the snapshots that were recorded, and where they are."""

from __future__ import annotations

import click

from ..client import Client
from ..wording.say import size
from .common import json_option
from .lazy import LazyGroup
from .output import ago, emit_json, emit_table

COMMANDS = {"ls": ("data", "ls", "the snapshots of data and code, and the hosts that have them")}


@click.group(cls=LazyGroup, table=COMMANDS)
def data() -> None:
    """What was sent to hosts. The same content is never sent to a host twice."""


@click.command()
@json_option
def ls(as_json: bool) -> int:
    """The snapshots of data and code, the newest first, and the hosts that have them."""
    with Client() as client:
        found = client.snapshots()
    if as_json:
        emit_json(found)
        return 0
    rows = [
        (
            item.name,
            item.digest[:8],
            size(item.size),
            item.files,
            " ".join(item.hosts),
            ago(item.created_at),
            item.source,
        )
        for item in found
    ]
    emit_table(
        ("NAME", "DIGEST", "SIZE", "FILES", "HOSTS", "AGE", "FROM"), rows, right=(2, 3), spare=("AGE", "FILES", "FROM")
    )
    return 0
