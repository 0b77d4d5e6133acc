"""Waking the dispatcher: a FIFO beside its tickets, since inotify is not to be had everywhere.

A byte in it says "look at the tickets". Nothing depends on its arrival: the dispatcher looks every two seconds anyway.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from .protocol.files import read_json
from .protocol.paths import AttemptPaths, LeaseDir

TICKET = b"t"  # there is a new ticket
STOP = b"s"  # a waiting attempt is to be stopped


def fifo(lease: LeaseDir) -> Path:
    """Where the FIFO lies."""
    return lease.own / "wake"


def open_fifo(lease: LeaseDir) -> int:
    """The dispatcher's end, not blocking; opened for writing as well, so that it never reads an end of file."""
    path = fifo(lease)
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def wake(lease: LeaseDir, word: bytes = TICKET) -> None:
    """Wakes the dispatcher of this machine, if one runs."""
    with contextlib.suppress(OSError):  # nobody reads, or its buffer is full: it will look
        fd = os.open(fifo(lease), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.write(fd, word)
        finally:
            os.close(fd)


def read_place(attempt: AttemptPaths) -> dict[str, Any]:
    """Where `start` queued the attempt, `{machine, lease_dir}`: it wrote that into spec.json, under `place`.

    Homes are shared by machines: only the machine named there may queue or judge it. Empty if it can't be read.
    """
    try:
        value = read_json(attempt.spec)
    except ValueError:
        value = None
    place = value.get("place") if isinstance(value, dict) else None
    return place if isinstance(place, dict) else {}


def wake_dispatcher_of(attempt: AttemptPaths) -> None:
    """Wakes the dispatcher in whose queue the attempt may wait, so that it sees a stop at once."""
    where = read_place(attempt).get("lease_dir")
    if isinstance(where, str):
        wake(LeaseDir(where), STOP)
