"""What keeps a local rsync from writing more than it was sent for: the other end is a stranger's program."""

from __future__ import annotations

import contextlib
import resource

LEAST = 1 << 20  # bytes: its messages are a file as well


def hold_to(pid: int, largest: int) -> None:
    """From now on no file that the process (and what it starts) writes gets longer than `largest` bytes.

    rsync asks for files of at most that size, but writes whatever comes then: a file that grows on the host while it
    is sent would fill this disk. Linux alone can bound another process; elsewhere nothing happens.
    """
    if hasattr(resource, "prlimit"):
        limit = max(largest, LEAST)
        with contextlib.suppress(OSError, ValueError):  # it has ended already, or its own bound is lower
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))
