"""Whose jobs are whose: those of other laptops, as hosts show them, and ours that another laptop has adopted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from lt_agent.protocol.errors import LtError

from . import intents, jobs
from .times import now
from .told import plain


class Other(NamedTuple):
    """Another laptop's job, as its host told. `by` is its person, `user@laptop`."""

    id: str
    name: str
    owner: str
    by: str
    kind: str
    state: str
    reason: str
    attempt: int


def set_others(db: sqlite3.Connection, host: str, found: Sequence[Other]) -> None:
    """What the host shows now, in place of what it showed before. Jobs of ours among them have been adopted."""
    db.execute("DELETE FROM other_jobs WHERE host=?", (host,))
    when = now()
    db.executemany(
        "INSERT OR REPLACE INTO other_jobs (host, id, name, owner, by, kind, state, reason, attempt, seen_at)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        [(host, *(plain(v) if isinstance(v, str) else v for v in other), when) for other in found],
    )
    for other in found:
        given_up(db, other.id, other.attempt, host, other.owner, other.by)


def given_up(db: sqlite3.Connection, job: str, attempt: int, host: str, owner: str, by: str) -> None:
    """Another laptop has adopted a job of ours: nothing more is asked of the host for it. Again is harmless.

    Its state stays as it was last known here; what waited to come home goes to the other one.
    """
    row = db.execute(  # a host speaks for its own jobs alone
        "SELECT name FROM jobs WHERE id=?1 AND adopted_by IS NULL AND removed=0"
        " AND EXISTS (SELECT 1 FROM attempts WHERE job_id=?1 AND host=?2)",
        (job, host),
    ).fetchone()
    if row is None:
        return
    by = plain(by) or owner
    db.execute("UPDATE jobs SET adopted_by=?, owner=?, message=NULL WHERE id=?", (by, owner, job))
    db.execute(
        "UPDATE checkpoints SET pull_state='none' WHERE job_id=? AND pull_state IN ('pending','pulling','failed')",
        (job,),
    )
    db.execute(
        "UPDATE jobs SET pull_state=CASE WHEN EXISTS (SELECT 1 FROM checkpoints WHERE job_id=?1"
        " AND pull_state='pulled') THEN 'pulled' ELSE 'none' END WHERE id=?1",
        (job,),
    )
    pending = db.execute("SELECT id FROM intents WHERE job_id=? AND state='pending' AND kind!='submit'", (job,))
    for (intent,) in pending.fetchall():
        intents.failed(db, intent, LtError("job_adopted", job=row[0], by=by))
    jobs.add_event(db, job, attempt, host, "adopted", {"by": by, "owner": owner})


def taken(db: sqlite3.Connection, job: str, owner: str) -> None:
    """The job is ours (again): its host has recorded it so."""
    row = db.execute("SELECT spec FROM jobs WHERE id=?", (job,)).fetchone()
    if row is not None:
        spec = json.dumps({**json.loads(row[0]), "owner": owner}, ensure_ascii=False)
        db.execute("UPDATE jobs SET adopted_by=NULL, owner=?, spec=?, removed=0 WHERE id=?", (owner, spec, job))
    db.execute("DELETE FROM other_jobs WHERE id=?", (job,))
