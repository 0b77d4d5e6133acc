"""What can be settled without a host: it is not reachable, or not in the inventory any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from ..store import checkpoints, elsewhere, intents, jobs, queue, relocations
from ..store.intents import Intent


def settle_unreachable(db: sqlite3.Connection, host: str, retired: bool = False) -> bool:
    """Carries out what needs no host; whether work remains on `host` that needs the host itself.

    Of a `retired` one a person has said that it is gone: nothing waits for it.
    """
    left = settle_asked(db, intents.pending_on(db, host))
    if retired:
        _settle_gone(db, left, LtError(relocations.RETIRED, host=host))
    return (
        bool(jobs.unfinished(db, host))
        or bool(intents.pending_on(db, host))
        or bool(intents.pending_recovers(db, host))
        or relocations.fences_asked(db, host)
        or checkpoints.next_pull(db, host, set()) is not None
    )


def settle_removed(db: sqlite3.Connection, host: str, known: list[str]) -> None:
    """Answers every request for jobs of a host that is not in the inventory (any more).

    Its jobs stay as they are, since nothing is proved; a person may have them forgotten all the same.
    """
    for intent in intents.pending_recovers(db, host):
        intents.failed(db, intent.id, LtError("no_such_host", host=host, near=known))
    relocations.fences_tried(db, host)
    _settle_gone(db, settle_asked(db, intents.pending_on(db, host)), LtError("no_such_host", host=host, near=known))


def _settle_gone(db: sqlite3.Connection, asked: Sequence[Intent], why_not: LtError) -> None:
    for intent in asked:
        try:
            if intent.kind != "remove":
                raise why_not
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


def settle_asked(db: sqlite3.Connection, asked: Sequence[Intent]) -> list[Intent]:
    """Carries out those of the requests that need no host; the others."""
    left = []
    for intent in asked:
        try:
            if not settle_here(db, intent):
                left.append(intent)
        except LtError as error:
            intents.failed(db, intent.id, error)
    return left


def settle_here(db: sqlite3.Connection, intent: Intent) -> bool:
    """Carries out a request that needs no host, and closes it; whether it was one, or is closed already.

    Such are stops and pauses of what rests or never left the laptop, and all that is asked of a job between two hosts:
    the one that it left is not waited for. Raises LtError for what is refused.
    """
    if not intents.is_pending(db, intent.id):
        return True
    job = jobs.brief(db, intent.job)
    stops = intent.kind in ("stop", "pause")
    if elsewhere.is_between(db, job.id):
        _settle_between(db, intent, job)
    elif stops and job.state in states.RESTING:
        if intent.kind == "stop" and job.state == states.PAUSED:
            jobs.cancel_paused(db, job.id)
    elif stops and job.state == states.QUEUED:  # the host has not been told of it
        by = LtError("stopped_before_start", by=str(intent.params.get("by", "")))
        jobs.end_here(db, job.id, job.attempt, states.CANCELLED, by)
    else:
        return False
    intents.done(db, intent.id)
    return True


def _settle_between(db: sqlite3.Connection, intent: Intent, job: jobs.Brief) -> None:
    if intent.kind in ("stop", "pause"):
        elsewhere.stop(db, intent.kind, job.id)
    elif intent.kind == "priority":
        queue.set_priority(db, job.id, int(intent.params["priority"]))
    elif intent.kind == "remove":
        remove_here(db, intent)
    else:
        raise LtError(relocations.RETIRED, host=jobs.host(db, job.id))
