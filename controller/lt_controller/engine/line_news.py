"""What a host says of its line, checked before it is stored: hosts are not trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ..store.queue import InLine
from .verify import is_count

_CODE = re.compile(r"[a-z_]{1,40}\Z")
_MOST_ITEMS = 100_000
_LARGEST = 2000  # characters of a reason's parameters


def checked_line(items: Any, is_followed: Callable[[str, int], bool]) -> list[InLine]:
    """The items of a `line` push that are well formed and speak of attempts that are followed."""
    if not isinstance(items, list):
        return []
    return [item for value in items[:_MOST_ITEMS] if (item := _checked(value, is_followed)) is not None]


def _checked(value: Any, is_followed: Callable[[str, int], bool]) -> InLine | None:
    if not isinstance(value, dict):
        return None
    job, attempt, place, waits = (value.get(key) for key in ("job", "attempt", "place", "waits"))
    if not isinstance(job, str) or not isinstance(attempt, int) or not is_followed(job, attempt):
        return None
    if place is not None and not is_count(place):
        return None
    if waits is None:
        return InLine(job, attempt, None, None, {})
    code = waits.get("code") if isinstance(waits, dict) else None
    params = waits.get("params") if isinstance(waits, dict) else None
    if not isinstance(code, str) or not _CODE.match(code) or not isinstance(params, dict):
        return None
    try:
        if len(json.dumps(params, allow_nan=False)) > _LARGEST:
            return None
    except ValueError:
        return None
    return InLine(job, attempt, place, code, params)
