"""ULIDs: sortable identifiers of jobs and intents (https://github.com/ulid/spec)."""

from __future__ import annotations

import os
import re
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PATTERN = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")


def new_ulid(now: float | None = None) -> str:
    """A fresh ULID: 48 bits of milliseconds since the epoch, then 80 random bits, in 26 Crockford base-32 letters."""
    millis = int((time.time() if now is None else now) * 1000)
    number = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    """Whether `text` is a well-formed ULID. Job folders are named by it, so this also guards paths."""
    return _PATTERN.match(text) is not None
