"""How results reach the person: tables on a terminal, tab-separated lines in a pipe, JSON where asked for.

Results go to stdout; progress, notes and errors to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

import click

from ..display import safe
from ..wording.say import duration


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def emit_json(value: Any) -> None:
    """One JSON document on stdout; text of hosts stays data: control characters are escaped by JSON itself."""
    from ..client.models import as_dict

    click.echo(json.dumps(as_dict(value), ensure_ascii=True, indent=2))


def emit(text: str) -> None:
    """A line of result."""
    click.echo(text)


def note(text: str) -> None:
    """A line for the person, beside the result."""
    click.echo(text, err=True)


def emit_table(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """A table; every cell is made safe. `right` are the columns of numbers. In a pipe the headings stand first, too."""
    cells = [[safe("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not on_terminal():
        click.echo("\n".join("\t".join(row) for row in [list(headings), *cells]))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, style=style(cell)) for cell in row))
    Console().print(table)


def emit_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """`name  value` lines, those without a value left out."""
    shown = [(name, safe(str(value))) for name, value in pairs if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name.ljust(width)}  {value}" if on_terminal() else f"{name}\t{value}")


def style(cell: str) -> str:
    """The colour of a cell that holds a state's word."""
    return _STYLES.get(cell.partition(" ")[0], "")


def ago(when: datetime | None) -> str:
    """How long ago: `5m 03s`."""
    return duration((datetime.now(timezone.utc) - when).total_seconds()) if when else ""


_STYLES = {
    **dict.fromkeys(("succeeded", "reachable", "pulled", "ok", "成功", "可达", "已取回", "良好"), "green"),
    **dict.fromkeys(("running", "运行中", "pulling", "取回中"), "cyan"),
    **dict.fromkeys(("failed", "lost", "refused", "bad", "失败", "丢失", "被拒绝", "不行"), "red"),
    **dict.fromkeys(
        ("unreachable", "paused", "stopping", "warn", "timed", "不可达", "已暂停", "注意", "超时"), "yellow"
    ),
}
