"""How results reach the person: tables on a terminal, tab-separated lines in a pipe, JSON where asked for.

Results go to stdout; progress, notes and errors to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from ..display import safe
from ..wording.headings import heading as worded
from ..wording.say import duration

if TYPE_CHECKING:
    from rich.console import JustifyMethod

_WRAPS_FROM, _WRAPS_TO = 24, 14  # a column wider than this is wrapped where it is narrow, down to that


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


def emit_table(
    headings: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = (), spare: Sequence[str] = ()
) -> None:
    """A table; every cell is made safe. `right` are the columns of numbers. In a pipe the headings stand first, too.

    On a terminal, columns without any value are left out, and of `spare` as many as it takes to fit its width, the
    first ones first: a list whose words are torn into letters is no list.
    """
    cells = [[safe("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not on_terminal():
        click.echo("\n".join("\t".join(row) for row in [list(headings), *cells]))
        return
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    titles = [worded(heading) for heading in headings]
    widths = [max([cell_len(title), *(cell_len(row[i]) for row in cells)]) for i, title in enumerate(titles)]
    shown = [i for i in range(len(headings)) if any(row[i] for row in cells)]
    for heading in spare:
        if _least([widths[i] for i in shown]) <= console.width:
            break
        shown = [i for i in shown if headings[i] != heading]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for i in shown:
        justify: JustifyMethod = "right" if i in right else "left"
        table.add_column(titles[i], justify=justify, overflow="fold", no_wrap=_stiff(widths[i], i == shown[-1]))
    for row in cells:
        table.add_row(*(Text(row[i], style=style(row[i])) for i in shown))
    console.print(table)


def _least(widths: Sequence[int]) -> int:
    """The width below which a table cannot go without tearing words."""
    last = len(widths) - 1
    needed = [width if _stiff(width, i == last) else _WRAPS_TO for i, width in enumerate(widths)]
    return sum(needed) + 2 * max(0, last)


def _stiff(width: int, last: bool) -> bool:
    """Whether a column keeps its width: words that stand alone do, sentences are wrapped."""
    return width <= (_WRAPS_TO if last else _WRAPS_FROM)


def emit_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """`name  value` lines, those without a value left out."""
    shown = [(name, safe(str(value))) for name, value in pairs if value not in (None, "", [], {})]
    if not on_terminal():
        for name, value in shown:
            click.echo(f"{name}\t{value}")
        return
    from rich.cells import cell_len

    named = [(worded(name), value) for name, value in shown]
    width = max((cell_len(name) for name, _ in named), default=0)
    for name, value in named:
        click.echo(f"{name}{' ' * (width - cell_len(name))}  {value}")


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
        ("unreachable", "needs", "paused", "stopping", "warn", "timed", "不可达", "需要登录", "已暂停", "注意", "超时"),
        "yellow",
    ),
}
