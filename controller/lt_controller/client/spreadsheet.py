"""Rows as CSV, harmless where it is opened: hosts name metrics, recipes and jobs, and a spreadsheet runs formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from ..display import safe

_FORMULA = ("=", "+", "-", "@")


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The rows, a line each. Control characters are written out; what would be read as a formula gets an apostrophe
    before it, as spreadsheets mark text (https://owasp.org/www-community/attacks/CSV_Injection). Numbers stay.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = safe(value)
    return "'" + text if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
