"""`ctrl+s` on a job: its chart as a picture, its values, or the table one stands in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...export import export_table, save, save_rows
from ...i18n import _
from ...widgets.asking import Ask
from ...widgets.tabs import TabLine

if TYPE_CHECKING:
    from .screen import JobScreen


def export_job(page: JobScreen) -> None:
    """Asks for a file: .svg draws the chart, .csv and .jsonl write its values."""
    tab = page.query_one(TabLine).current
    if tab in ("checkpoints", "events") and (table := page.table) is not None:
        export_table(page, table)
        return
    metric = re.sub(r"[^\w.-]+", "-", page.curves.names[0])[:60]  # a host's word
    name = f"{page.place.name}-{metric}.svg"

    def write(answer: str | None) -> None:
        if not answer or not answer.strip() or page.data is None:
            return
        path = Path(answer.strip()).expanduser()
        curves = page.curves.shown(page.data)
        if path.suffix == ".svg":
            from lt_controller.client.drawing import svg

            save(page, path, svg([(c.label, c.series.steps, c.series.values) for c in curves]))
            return
        rows = [["name", "step", "value"]]
        for curve in curves:
            rows += [
                [curve.label, str(s), repr(v)] for s, v in zip(curve.series.steps, curve.series.values, strict=False)
            ]
        save_rows(page, path, rows)

    note = _(".svg draws the chart; .csv and .jsonl write its values")
    page.app.push_screen(Ask(_("Export to"), name, note), write)
