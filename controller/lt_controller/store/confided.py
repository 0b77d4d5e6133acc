"""Which jobs wait for their secrets. Names alone: a value is never in the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

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


def may_have(db: sqlite3.Connection, job: str, names: Sequence[str]) -> list[str]:
    """Those of the secrets that the job may be given.

    All, of a job that was submitted here. Of one that is known from a host's word alone (`lt recover`, `lt adopt`) the
    names are the host's invention: only those that a person has named since.
    """
    row = db.execute(
        "SELECT json_extract(pull, '$.told_by'), json_extract(pull, '$.agreed') FROM jobs WHERE id=?", (job,)
    ).fetchone()
    if row is None or row[0] is None:
        return list(names)
    return [name for name in names if name in json.loads(row[1] or "[]")]


def agree(db: sqlite3.Connection, job: str, names: Collection[str]) -> None:
    """A person has named these secrets for the job. Nothing to note of one that was submitted here."""
    row = db.execute("SELECT pull FROM jobs WHERE id=? AND json_extract(pull, '$.told_by') NOT NULL", (job,)).fetchone()
    if row is not None:
        pull = json.loads(row[0])
        pull["agreed"] = sorted({*pull.get("agreed", ()), *names})
        db.execute("UPDATE jobs SET pull=? WHERE id=?", (json.dumps(pull), job))


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
