"""What a host tells, cut down to what the database holds and a screen can show: a host may send anything.

JSON allows half a surrogate pair, NaN, integers of thousands of digits, lists in lists without end, texts of megabytes.
Of a text, a list or a table the beginning is kept; what no column and no screen can take becomes null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lt_agent.protocol.errors import LtError, error_from_dict

DEEPEST = 8  # lists and tables in each other
LONGEST = 16 << 10  # characters of one text
LONGEST_KEY = 200
MOST = 1000  # entries of one list or table
LARGEST = 128 << 10  # characters of all texts together; a value without one counts as eight
LARGEST_INT = 1 << 63


def plain(text: str) -> str:
    """`text` as SQLite can hold it: half a surrogate pair, which JSON may carry and UTF-8 may not, becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def cut(value: Any) -> Any:
    """A parsed JSON value of a host as one that may be stored, summed up and shown."""
    return _Cutter().value(value, 0)


def cut_table(value: Any) -> dict[str, Any]:
    """As `cut`, of what should be a table; an empty one for anything else."""
    found = cut(value)
    return found if isinstance(found, dict) else {}


def is_deep(value: Any, most: int = 40) -> bool:
    """Whether lists and tables stand in each other so deep that reading or writing them may fail elsewhere."""
    level = [value]
    for _ in range(most):
        lists = [item for item in level if isinstance(item, (Mapping, list, tuple))]
        if not lists:
            return False
        level = [below for item in lists for below in (item.values() if isinstance(item, Mapping) else item)]
    return True


def host_error(value: Any) -> LtError:
    """The error that a host tells of, whatever it sent in its place."""
    table = cut_table(value)
    return error_from_dict({**table, "code": str(table.get("code", "unknown"))[:LONGEST_KEY]})


class _Cutter:
    def __init__(self) -> None:
        self._left = LARGEST

    def value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, LONGEST)
        self._left -= 8
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if -LARGEST_INT <= value < LARGEST_INT else None
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if depth >= DEEPEST or self._left <= 0:
            return None
        if isinstance(value, Mapping):
            found: dict[str, Any] = {}
            for key in value:
                if len(found) >= MOST or self._left <= 0:
                    break
                found[self._text(str(key), LONGEST_KEY)] = self.value(value[key], depth + 1)
            return found
        if isinstance(value, (list, tuple)):
            items = []
            for item in value[:MOST]:
                if self._left <= 0:
                    break
                items.append(self.value(item, depth + 1))
            return items
        return None

    def _text(self, text: str, longest: int) -> str:
        kept = text[: max(0, min(longest, self._left))]
        self._left -= len(kept) + 8
        return plain(kept)
