"""What waits to be done, found in one look: a pass over a host that has nothing to do costs one transaction."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from lt_agent.protocol import states

from . import checkpoints, confided, intents, jobs, relocations
from .intents import Intent
from .jobs import Unfinished


class Due(NamedTuple):
    """What one host's session has to do."""

    recovers: list[Intent]
    requests: list[Intent]  # of people: stop, save, pull, …
    secrets: list[tuple[str, int, list[str]]]  # as `confided.needing`
    fenced: list[tuple[str, int]]  # as `relocations.fenced_on`
    unfinished: list[Unfinished]  # attempts to start or to follow
    pulls: bool  # whether checkpoints wait to come home

    @property
    def asks(self) -> bool:
        """Whether there is anything that is done once, after which the rest may look different."""
        return bool(self.recovers or self.requests or self.secrets or self.fenced)


def on_host(db: sqlite3.Connection, host: str) -> Due:
    """All that is due on `host`."""
    return Due(
        intents.pending_recovers(db, host),
        intents.pending_on(db, host),
        confided.needing(db, host),
        relocations.fenced_on(db, host),
        jobs.unfinished(db, host),
        checkpoints.wait_on(db, host),
    )


def hosts(db: sqlite3.Connection) -> set[str]:
    """The hosts on which something is due that their session may not know of.

    Not those that only have jobs to follow: with hundreds of them, waking every session for a job of one would be
    most of what a submit costs. What the session itself hears from its host wakes it anyway.
    """
    rows = db.execute(
        "SELECT DISTINCT a.host FROM attempts a JOIN jobs j ON j.id = a.job_id"
        " WHERE a.exit IS NULL AND (a.state=?1 OR a.state=?2 AND a.reason=?3)"
        " AND j.removed=0 AND j.adopted_by IS NULL"
        " UNION SELECT host FROM attempts WHERE fenced=1",
        (states.QUEUED, states.WAITING, confided.NEEDS_SECRET),
    )
    return {row[0] for row in rows} | intents.hosts_asked(db) | checkpoints.hosts_waiting(db)
