"""Taking a waiting attempt back, because its job goes to another host. Whoever has the claim decides: us or a start."""

from __future__ import annotations

import os
import time

from . import locks, wakeups
from .outcome import write_outcome
from .protocol.paths import AttemptPaths
from .protocol.records import ExitRecord
from .protocol.states import CANCELLED, MOVED


def withdraw(attempt: AttemptPaths) -> bool:
    """Ends an attempt that has not begun; whether it never will. Asked again, the answer is the same.

    The dispatcher finds the outcome where the ticket points, and drops the ticket.
    """
    claim = locks.try_lock(attempt.claim)
    if claim is None:
        return False
    try:
        if attempt.exit.exists():
            return _was_withdrawn(attempt)
        if attempt.supervisor.exists():
            return False
        outcome = ExitRecord(CANCELLED, MOVED, finished_at=time.time())
        # Without a spec nobody can begin it, also where the disk takes no outcome.
        return write_outcome(attempt, outcome, lambda: False) or not attempt.spec.exists()
    finally:
        os.close(claim)
        wakeups.wake_dispatcher_of(attempt)


def _was_withdrawn(attempt: AttemptPaths) -> bool:
    from .protocol.files import read_json

    try:
        value = read_json(attempt.exit)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("reason") == MOVED
