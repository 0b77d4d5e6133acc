"""Telling when the files of an ended attempt have stopped growing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..locks import is_locked
from ..protocol.paths import AttemptPaths

_TAIL = 16 << 10


def claim_is_free(paths: AttemptPaths) -> bool:
    """Whether no supervisor holds the attempt's claim (or none ever did).

    Only for attempts whose exit record exists: trying a lock takes it for an instant, and nobody claims those again.
    """
    try:
        return not is_locked(paths.claim)
    except OSError:
        return False


def last_event(path: Path) -> dict[str, Any]:
    """The last whole line of an event stream, or an empty object."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return {}
    try:
        size = os.fstat(fd).st_size
        tail = os.pread(fd, _TAIL, max(0, size - _TAIL))
    finally:
        os.close(fd)
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()
    try:
        event = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return event if isinstance(event, dict) and isinstance(event.get("params", {}), dict) else {}
