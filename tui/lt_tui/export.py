"""`ctrl+s`: what is shown, as a file: CSV or JSON lines of a table, SVG of a chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .i18n import _
from .widgets.asking import Ask

if TYPE_CHECKING:
    from .page import Page
    from .widgets.table import Table


def export_table(page: Page, table: Table[Any]) -> None:
    """Asks for a file and writes the table's lines; the suffix says in which form."""
    name = f"{table.id or page.place.kind}.csv"

    def write(answer: str | None) -> None:
        if answer and answer.strip():
            save_rows(page, Path(answer.strip()).expanduser(), table.rows())

    page.app.push_screen(
        Ask(_("Export to"), name, _("A name ending in .csv or .jsonl; ctrl+s on a chart: .svg")), write
    )


def save_rows(page: Page, path: Path, rows: list[list[str]]) -> None:
    """Writes rows with a heading in the form that the file's name asks for, if it is one of those there are."""
    if path.suffix not in (".csv", ".jsonl"):
        page.lt.tell(_("{path}: the name has to end in .csv or .jsonl", path=path), severity="warning")
    else:
        save(page, path, rows_as(rows, path.suffix))


def rows_as(rows: list[list[str]], suffix: str) -> str:
    """Rows with a heading as CSV or JSON lines."""
    if suffix == ".jsonl":
        head = rows[0]
        lines = [json.dumps(dict(zip(head, row, strict=False)), ensure_ascii=False) for row in rows[1:]]
        return "\n".join(lines) + "\n"
    from lt_controller.client.spreadsheet import csv_text

    return csv_text(rows)


def save(page: Page, path: Path, text: str) -> None:
    """Writes a file that is not there yet, and says so."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        page.lt.tell(_("{path} is there already: give another name", path=path), severity="warning")
    except OSError as error:
        page.lt.tell(_("{path} can't be written: {why}", path=path, why=error.strerror or error), severity="error")
    else:
        page.lt.tell(_("Written: {path}", path=path.absolute()))
