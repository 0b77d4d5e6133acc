"""The queue of a machine: a small file per waiting attempt, oldest first by name."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.ulid import is_ulid


@dataclass(frozen=True)
class Ticket:
    """A waiting attempt: where it is, how many GPUs it wants, and which agent supervises it with which Python."""

    path: Path
    root: str
    job: str
    attempt: int
    gpus: int
    agent: str
    python: str

    @property
    def paths(self) -> AttemptPaths:
        """The attempt's folder. Raises LtError `bad_job_id`."""
        return HostRoot(self.root).attempt(self.job, self.attempt)


def write(lease: LeaseDir, attempt: AttemptPaths, *, root: HostRoot, gpus: int, agent: str, python: str) -> None:
    """Queues the attempt. Its place is the time its spec was written, so that repeating this changes nothing."""
    created = os.stat(attempt.spec).st_mtime_ns
    value = {
        "root": str(root.path),
        "job": attempt.job,
        "attempt": attempt.attempt,
        "gpus": gpus,
        "agent": agent,
        "python": python,
    }
    write_json(lease.tickets / f"{created:020d}-{attempt.job}-{attempt.attempt}.json", value, durable=False)


def names(lease: LeaseDir) -> list[str]:
    """The tickets' names, oldest first; `read` opens one. A thousand of them cost one listing."""
    try:
        found = os.listdir(lease.tickets)
    except FileNotFoundError:
        return []
    return sorted(name for name in found if name.endswith(".json") and not name.startswith("."))


def exists(lease: LeaseDir, job: str, attempt: int) -> bool:
    """Whether the attempt waits in this machine's queue."""
    end = f"-{job}-{attempt}.json"
    return any(name.endswith(end) for name in names(lease))


def read(lease: LeaseDir, name: str) -> Ticket | None:
    """The ticket of that name; None if it is gone. Raises LtError `bad_record` if it is none."""
    path = lease.tickets / name
    try:
        value: Any = read_json(path)
    except ValueError:
        value = ""
    if value is None:
        return None
    try:
        ticket = Ticket(
            path,
            str(value["root"]),
            str(value["job"]),
            int(value["attempt"]),
            max(0, int(value["gpus"])),
            str(value["agent"]),
            str(value["python"]),
        )
    except (KeyError, TypeError, ValueError):
        raise LtError("bad_record", record="Ticket", problem=str(path)) from None
    if not is_ulid(ticket.job) or ticket.attempt < 1:
        raise LtError("bad_record", record="Ticket", problem=str(path))
    return ticket


def remove(lease: LeaseDir, name: str) -> None:
    """Takes the ticket out of the queue."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lease.tickets / name)
