"""Which jobs wait for their secrets. Names alone: a value is never in the database."""

from __future__ import annotations

import json
import sqlite3

from lt_agent.protocol import states

NEEDS_SECRET = "needs_secret"  # noqa: S105 - a reason


def set_needed(db: sqlite3.Connection, job: str, attempt: int, needed: bool) -> None:
    """The host lacks the secrets of a waiting attempt, or has them (again)."""
    reason = NEEDS_SECRET if needed else None
    where = (states.WAITING, job, attempt)
    db.execute("UPDATE attempts SET reason=? WHERE state=? AND job_id=? AND attempt=?", (reason, *where))
    db.execute("UPDATE jobs SET reason=? WHERE state=? AND id=? AND attempt=?", (reason, *where))


def needing(db: sqlite3.Connection, host: str) -> list[tuple[str, int, list[str]]]:
    """The attempts on `host` that wait for secrets, and the names of these."""
    rows = db.execute(
        "SELECT a.job_id, a.attempt, json_extract(j.spec, '$.secrets') FROM attempts a JOIN jobs j ON j.id = a.job_id"
        " WHERE a.host=? AND a.exit IS NULL AND a.state=? AND a.reason=? AND j.removed=0",
        (host, states.WAITING, NEEDS_SECRET),
    )
    return [(job, attempt, json.loads(names or "[]")) for job, attempt, names in rows]


def with_a_use(db: sqlite3.Connection) -> set[str]:
    """The ids for which secrets may be needed: of jobs that have not ended, of pipelines and sweeps that go on."""
    ended = sorted(states.ENDED)
    marks = ", ".join("?" * len(ended))
    rows = db.execute(
        f"SELECT id FROM jobs WHERE removed=0 AND state NOT IN ({marks})"  # noqa: S608
        " UNION ALL SELECT id FROM pipelines WHERE state='running'"
        " UNION ALL SELECT id FROM sweeps WHERE state='running'",
        ended,
    )
    return {row[0] for row in rows}


WORK_OF = "SELECT pipeline FROM stages WHERE job_id=?1 UNION ALL SELECT sweep_id FROM trials WHERE job_id=?1 LIMIT 1"
"""The pipeline or the sweep that a job is part of: what was given for that is every one of its jobs'."""


def work_of(db: sqlite3.Connection, job: str) -> str:
    """The id of what the job is part of; empty for a job of its own."""
    row = db.execute(WORK_OF, (job,)).fetchone()
    return row[0] if row is not None else ""
