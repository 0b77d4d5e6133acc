"""A waiting attempt's priority, which a person may change after it was submitted."""

from __future__ import annotations

import os

from . import locks, tickets, wakeups
from .line import MOST_PRIORITY
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.records import JobSpec
from .stopping import read_spec


def read_priority(attempt: AttemptPaths, spec: JobSpec) -> int:
    """The priority that holds: the one asked for last, else the spec's."""
    try:
        value = read_json(attempt.priority)
    except ValueError:
        value = None
    wanted = value.get("priority") if isinstance(value, dict) else None
    return wanted if isinstance(wanted, int) and not isinstance(wanted, bool) else spec.priority


def set_priority(lease: LeaseDir, attempt: AttemptPaths, priority: int) -> None:
    """Gives the attempt another priority: in the queue if it waits there, and for the attempts after it.

    Raises LtError `no_such_job`, `busy`.
    """
    priority = max(-MOST_PRIORITY, min(MOST_PRIORITY, priority))
    spec = read_spec(attempt)
    held = locks.lock(attempt.control / ".start", 10.0)
    if held is None:
        raise LtError("busy", job=attempt.job, attempt=attempt.attempt)
    try:
        write_json(attempt.priority, {"priority": priority})
        name = tickets.find(lease, attempt.job, attempt.attempt)
        ticket = tickets.read(lease, name) if name is not None else None
        if ticket is not None:
            tickets.write(
                lease,
                attempt,
                root=HostRoot(ticket.root),
                gpus=ticket.gpus,
                agent=ticket.agent,
                python=ticket.python,
                priority=priority,
                spec=spec,
                again=ticket.wish.again,
            )
    finally:
        os.close(held)
    wakeups.wake(lease)
