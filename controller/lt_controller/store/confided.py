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
    """The jobs that may need their secrets: all that have not ended, or that a pipeline has yet to submit."""
    ended = sorted(states.ENDED)
    marks = ", ".join("?" * len(ended))
    rows = db.execute(
        f"SELECT id FROM jobs WHERE removed=0 AND state NOT IN ({marks}) UNION SELECT s.job_id FROM stages s"  # noqa: S608
        " JOIN pipelines p ON p.id=s.pipeline WHERE p.state='running' AND s.job_id NOT IN (SELECT id FROM jobs)",
        ended,
    )
    return {row[0] for row in rows}
