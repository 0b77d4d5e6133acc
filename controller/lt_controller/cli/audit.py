"""`lt audit`: who did what, and whether the record of it is whole."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from ..client import Client
from ..display import safe
from ..wording import phrase
from ..wording.say import reason
from .common import json_option
from .output import emit, emit_json, emit_table, note
from .times import moment

_SHOWN = 50


@click.command()
@click.option("--since", metavar="TIME", help="from then on: 2026-11-21, 2026-11-21T08:00, or 2d, 12h ago")
@click.option("--who", metavar="USER", help="of this user, or user@machine")
@click.option("--act", metavar="WORD", help="of this kind: submit, stop, host, 'host edit', secret …")
@click.option("--last", "-n", type=click.IntRange(0), metavar="N", help=f"so many; else {_SHOWN}, 0 is all")
@click.option("--verify", is_flag=True, help="check that no row was changed; exit code 1 names the first that was")
@click.option("--head", metavar="HASH", help="with --verify: this head, noted earlier, must still be there")
@click.option(
    "--export",
    nargs=2,
    type=(click.Choice(["csv", "json"]), click.Path(path_type=Path, dir_okay=False)),
    metavar="csv|json FILE",
    help="write all rows into a file",
)
@json_option
def audit(
    since: str | None,
    who: str | None,
    act: str | None,
    last: int | None,
    verify: bool,
    head: str | None,
    export: tuple[str, Path] | None,
    as_json: bool,
) -> int:
    """Who did what, when, and by which command. Rows are only ever added, and each seals those before it.

    \b
    lt audit --since 2d --act host
    lt audit --verify                  # note the head it prints somewhere else …
    lt audit --verify --head 5f0c…     # … and later ask whether it is still there
    """
    with Client() as client:
        if verify or head:
            return _verify(client, head, as_json)
        if export is not None:
            rows = client.export_audit(*export)
            note(phrase("audit_exported", rows=rows, path=str(export[1])))
            return 0
        start = moment(since)
        limit = last if last is not None else (None if as_json or since else _SHOWN)
        found = client.audit(since=start, who=who, act=act, last=limit or None)
    if as_json:
        emit_json(found)
        return 0
    if not found:
        note(phrase("audit_empty"))
        return 0
    table = [(item.seq, _time(item.time), item.who, item.act, item.target, item.command) for item in found]
    emit_table(("ROW", "TIME", "WHO", "ACT", "ON", "COMMAND"), table, right=(0,), spare=("WHO",))
    if last is None and since is None and len(found) == _SHOWN:
        note(phrase("audit_more", shown=_SHOWN))
    return 0


def _verify(client: Client, head: str | None, as_json: bool) -> int:
    state = client.verify_audit(head)
    if as_json:
        emit_json(state)
    elif state.broken:
        note(phrase("audit_broken", row=state.broken, why=reason(f"audit_{state.why}")))
    elif state.noted is False:
        note(phrase("audit_cut", head=safe(head)))
    else:
        note(phrase("audit_whole", rows=state.rows))
        emit(state.head)
    return 0 if state.whole else 1


def _time(when: datetime | None) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else ""
