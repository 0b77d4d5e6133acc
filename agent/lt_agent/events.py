"""The attempt's own story, `events.jsonl`: codes with parameters, worded where they are shown."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from .protocol.files import append_line
from .protocol.paths import AttemptPaths

_TAIL = 64 << 10


class Events:
    """Appends events. What can't be written (a full disk) is lost: no job dies of its diary.

    The line's byte offset is its sequence number. Codes: `state{state, reason?, exit_code?, pid?}`,
    `checkpoint{name, kind, step, size}`, `checkpoint_failed{name, why}`, `rotated{name}`, `disk_low{free, floor}`,
    `error{code, params}`, `samples_unavailable{what}`, `collect_skipped{paths}`; the worker adds `plan` and others.
    """

    def __init__(self, attempt: AttemptPaths) -> None:
        self._path = attempt.events

    def add(self, code: str, /, **params: Any) -> None:
        """Appends one event, with the time of now."""
        with contextlib.suppress(OSError):
            self._mend()
            append_line(self._path, {"time": time.time(), "code": code, "params": params})

    def _mend(self) -> None:
        """Ends a line that a full disk cut short, so that the next one is whole."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        try:
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":
                os.write(fd, b"\n")
        finally:
            os.close(fd)


def last_state(attempt: AttemptPaths) -> dict[str, Any]:
    """The parameters of the last `state` event among the last 64 KiB; empty if there is none."""
    try:
        fd = os.open(attempt.events, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return {}
    try:
        size = os.fstat(fd).st_size
        tail = os.pread(fd, _TAIL, max(0, size - _TAIL))
    finally:
        os.close(fd)
    for line in reversed(tail.split(b"\n")):
        if b'"state"' not in line:
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("code") == "state" and isinstance(event.get("params"), dict):
            return dict(event["params"])
    return {}
