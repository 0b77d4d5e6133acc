"""Writing the outcome: once, durably, and even when the disk is full."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .events import Events
from .protocol.files import write_json
from .protocol.paths import AttemptPaths
from .protocol.records import ExitRecord, to_dict

_RESERVE = 64 << 10  # bytes kept back for the last words


def _reserve(attempt: AttemptPaths) -> Path:
    return attempt.control / ".reserve"


def keep_reserve(attempt: AttemptPaths) -> None:
    """Sets a little of the disk aside for the exit record and the last events."""
    with contextlib.suppress(OSError):
        fd = os.open(_reserve(attempt), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(fd, 0, _RESERVE)
        finally:
            os.close(fd)


def release_reserve(attempt: AttemptPaths) -> None:
    """Gives the reserve back to the disk."""
    with contextlib.suppress(OSError):
        os.unlink(_reserve(attempt))


def write_outcome(attempt: AttemptPaths, record: ExitRecord, retrying: Callable[[], bool] = lambda: True) -> bool:
    """Writes exit.json, then the last event; the caller holds the claim. Returns whether it could.

    A disk that stays full or read-only is tried again, less and less often, as long as `retrying`, called before each
    wait, agrees. False also if the attempt's folder is gone, so that there is nothing to tell.
    """
    from . import retries

    release_reserve(attempt)
    record = replace(record, retry=retries.plan(attempt, record))
    pause = 0.5
    while True:
        try:
            write_json(attempt.exit, to_dict(record))
            break
        except FileNotFoundError:
            if not attempt.path.is_dir():
                return False
        except OSError:
            pass
        if not retrying():
            return False
        time.sleep(pause)
        pause = min(pause * 2, 60.0)
    if record.retry is not None:
        wait = max(0.0, record.retry["at"] - record.finished_at)
        told = {"reason": record.reason, "try_number": record.retry["tried"], "wait": wait}
        Events(attempt).add("retry", **told, name=record.retry["name"])
    Events(attempt).add(
        "state", state=record.state, reason=record.reason, exit_code=record.exit_code, message=record.message
    )
    return True
