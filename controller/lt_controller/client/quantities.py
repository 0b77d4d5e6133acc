"""Lengths of time and sizes as a person types them: on the command line and in forms, by the same rules."""

from __future__ import annotations

import re

from lt_agent.protocol.errors import LtError

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def seconds(text: str) -> float:
    """`90`, `90s`, `30m`, `12h`, `2d` in seconds. Raises LtError `bad_time`."""
    found = _TIME.fullmatch(text.strip().lower())
    if found is None:
        raise LtError("bad_time", value=text)
    return float(found[1]) * _UNITS[found[2]]


def size_of(text: str) -> int:
    """`24GiB`, `500MB`, `1024` in bytes. Raises LtError `bad_size`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise LtError("bad_size", value=text)
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].upper()])
