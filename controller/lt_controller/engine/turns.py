"""Connecting to many hosts after a restart: a few at a time, not in a burst."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_A_TIME = 16  # logins under way at once: hosts behind one jump host share its sshd's MaxStartups
PATIENCE = 30.0  # seconds to wait for a turn; then it goes all the same, so that hosts that are down delay no others
JITTER = 0.05  # seconds at the most, for those that had to wait: turns that come free together are not taken together

_turns = threading.BoundedSemaphore(AT_A_TIME)


@contextmanager
def turn(turns: threading.Semaphore = _turns) -> Iterator[bool]:
    """Waits until fewer than `AT_A_TIME` others connect; whether it is one of those, and not merely out of patience."""
    free = turns.acquire(blocking=False)
    if not free:
        free = turns.acquire(timeout=PATIENCE)
        time.sleep(random.uniform(0, JITTER))  # noqa: S311
    try:
        yield free
    finally:
        if free:
            turns.release()
