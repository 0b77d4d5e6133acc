"""`lt gc`: what takes space on a host, and deleting what is not needed there."""

from __future__ import annotations

import click

from ..client import Client
from ..wording import phrase
from ..wording.headings import heading
from ..wording.say import size
from .common import json_option, seconds
from .output import emit_json, emit_table, note


@click.command()
@click.argument("host")
@click.option("--yes", is_flag=True, help="delete what is safe to; without it only told")
@click.option("--older", metavar="TIME", help="data and environments left alone for so long: 1d (else 1h)")
@json_option
def gc(host: str, yes: bool, older: str | None, as_json: bool) -> int:
    """What takes space on HOST, and what of it is safe to delete; deletes nothing without --yes.

    Safe are ended jobs whose checkpoints are all at home, verified, and data, environments and agents that no
    unfinished job uses, whoever's it is.

    A deleted job stays known: its log, metrics and checkpoints are at home.
    """
    rest = seconds(older)
    with Client() as client:
        found = client.clearable(host, rest=rest)
        safe = [item for item in found if item.safe]
        left = client.clear(host, safe, rest=rest) if yes else []
        if as_json:
            emit_json({"host": host, "items": found, "deleted": [item for item in safe if yes and item not in left]})
            return 1 if left else 0
        rows = [
            (heading(item.kind), item.name[:48], item.detail[:8], size(item.size), phrase(f"gc_{item.why}"))
            for item in found
        ]
        emit_table(("KIND", "NAME", "DIGEST", "SIZE", "WHY"), rows, right=(3,), spare=("DIGEST",))
        gone = [item for item in safe if item not in left]
        if not safe:
            note(phrase("gc_nothing", host=host))
        elif yes:
            note(phrase("gc_done", host=host, count=len(gone), size=sum(item.size for item in gone)))
        else:
            note(phrase("gc_would", host=host, count=len(safe), size=sum(item.size for item in safe)))
        return 1 if left else 0
