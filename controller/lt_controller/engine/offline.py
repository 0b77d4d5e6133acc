"""What can be settled without a host: it is not reachable, or not in the inventory any more."""

from __future__ import annotations

import sqlite3

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from ..store import checkpoints, elsewhere, intents, jobs
from ..store.intents import Intent


def settle_unreachable(db: sqlite3.Connection, host: str) -> bool:
    """Stops jobs that never left the laptop; whether work remains on `host` that needs the host itself."""
    for intent in intents.pending_on(db, host):
        _stop_unsent(db, intent)
    return (
        bool(jobs.unfinished(db, host))
        or bool(intents.pending_on(db, host))
        or bool(intents.pending_recovers(db, host))
        or checkpoints.next_pull(db, host, set()) is not None
    )


def settle_removed(db: sqlite3.Connection, host: str, known: list[str]) -> None:
    """Answers every request for jobs of a host that is not in the inventory (any more).

    Its jobs stay as they are, since nothing is proved; a person may have them forgotten all the same.
    """
    for intent in intents.pending_recovers(db, host):
        intents.failed(db, intent.id, LtError("no_such_host", host=host, near=known))
    for intent in intents.pending_on(db, host):
        if _stop_unsent(db, intent):
            continue
        try:
            if intent.kind != "remove":
                raise LtError("no_such_host", host=host, near=known)
            remove_here(db, intent)
        except LtError as error:
            intents.failed(db, intent.id, error)
        else:
            intents.done(db, intent.id)


def check_removable(db: sqlite3.Connection, intent: Intent) -> None:
    """Raises LtError `job_alive`, or `not_yet_home` for what would be lost, unless that is to be discarded."""
    job = jobs.brief(db, intent.job)
    if job.state not in states.RESTING:
        raise LtError("job_alive", job=job.name, state=job.state)
    unpulled = checkpoints.only_on_host(db, job.id)
    if unpulled and not intent.params.get("discard"):
        raise LtError("not_yet_home", job=job.name, checkpoints=unpulled)


def remove_here(db: sqlite3.Connection, intent: Intent) -> None:
    """Forgets a job whose host is out of reach for good. Discarded, it need not have ended as far as is known here."""
    if not intent.params.get("discard"):
        check_removable(db, intent)
    jobs.remove(db, intent.job)


def _stop_unsent(db: sqlite3.Connection, intent: Intent) -> bool:
    """Stops a job that is queued: the host has not been told of it."""
    if elsewhere.stop(db, intent.id, intent.kind, intent.job):
        return True
    row = db.execute("SELECT attempt, state FROM jobs WHERE id=?", (intent.job,)).fetchone()
    if intent.kind not in ("stop", "pause") or row is None or row[1] != states.QUEUED:
        return False
    by = LtError("stopped_before_start", by=str(intent.params.get("by", "")))
    jobs.end_here(db, intent.job, row[0], states.CANCELLED, by)
    intents.done(db, intent.id)
    return True
