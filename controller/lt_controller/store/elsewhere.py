"""Jobs whose host a person has given up, and that go on at another one by themselves. Runs in the writer's transaction.

Between the two such a job is `queued` without an attempt that could run: the last one has ended as lost, and is fenced.
It waits for `elsewhere`, and `retry_at` says when a host is looked for again.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from . import jobs
from .intents import Intent
from .times import epoch, iso, now

WAITS = "elsewhere"
_BETWEEN = "j.state='queued' AND json_extract(j.waits, '$.code')='elsewhere' AND j.removed=0"


class Between(NamedTuple):
    """A job that looks for a host."""

    job: str
    attempt: int  # the last one, which is lost
    asked: str  # what it was submitted to: `any:gpu=a100`
    tries: int  # looks that found no host
    due: float  # seconds since the epoch


def may_go_on(db: sqlite3.Connection, job: str) -> bool:
    """Whether the job's next attempt may begin elsewhere by itself: it has retries left, was submitted to more than
    one host, and its newest checkpoint, if it has any, is verified at home.
    """
    row = db.execute(
        "SELECT asked, coalesce(json_extract(spec, '$.retries'), 0) - coalesce(json_extract(spec, '$.tried'), 0)"
        " FROM jobs WHERE id=?",
        (job,),
    ).fetchone()
    if row is None or row[0] is None or row[1] <= 0:
        return False
    newest = db.execute(
        "SELECT pull_state FROM checkpoints WHERE job_id=? AND resumable=1 ORDER BY attempt DESC, step DESC LIMIT 1",
        (job,),
    ).fetchone()
    return newest is None or newest[0] == "pulled"


def announced(db: sqlite3.Connection, job: str, attempt: int) -> dict[str, Any]:
    """What the outcome of the lost attempt says of the one that follows."""
    row = db.execute("SELECT coalesce(json_extract(spec, '$.tried'), 0) FROM jobs WHERE id=?", (job,)).fetchone()
    return {"attempt": attempt + 1, "tried": int(row[0]) + 1, "at": 0.0, "name": None}


def leave(db: sqlite3.Connection, job: str, host: str) -> None:
    """The job leaves `host`, in the transaction that ends its attempt there: nobody sees it at rest in between."""
    asked = db.execute("SELECT asked FROM jobs WHERE id=?", (job,)).fetchone()[0]
    waits = {"code": WAITS, "params": {"host": host, "asked": asked, "tries": 0}}
    db.execute(
        "UPDATE jobs SET state=?, reason=NULL, message=NULL, finished_at=NULL, exit_code=NULL, place=NULL, waits=?,"
        " retry_at=? WHERE id=?",
        (states.QUEUED, json.dumps(waits, ensure_ascii=False), now(), job),
    )


def between(db: sqlite3.Connection) -> list[Between]:
    """The jobs that look for a host and that nobody wants to rest, go or be elsewhere, the most urgent first."""
    rows = db.execute(
        f"SELECT j.id, j.attempt, j.asked, j.waits, j.retry_at FROM jobs j WHERE {_BETWEEN} AND j.adopted_by IS NULL"  # noqa: S608
        " AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.job_id=j.id AND i.state='pending'"
        " AND i.kind IN ('stop', 'pause', 'remove', 'relocate'))"
        " ORDER BY j.priority DESC, j.id"
    ).fetchall()
    return [
        Between(job, attempt, asked, int(json.loads(waits)["params"].get("tries") or 0), epoch(at) if at else 0.0)
        for job, attempt, asked, waits, at in rows
    ]


def is_between(db: sqlite3.Connection, job: str) -> bool:
    """Whether the job looks for a host."""
    return db.execute(f"SELECT 1 FROM jobs j WHERE j.id=? AND {_BETWEEN}", (job,)).fetchone() is not None  # noqa: S608


def put_off(db: sqlite3.Connection, found: Between, at: float, error: LtError | None) -> None:
    """No host was found; the next look is at `at`."""
    row = db.execute(f"SELECT j.waits FROM jobs j WHERE j.id=? AND j.attempt=? AND {_BETWEEN}", found[:2]).fetchone()  # noqa: S608
    if row is None:
        return
    waits = json.loads(row[0])
    waits["params"] |= {"tries": found.tries + 1, "at": at}
    if error is not None:
        waits["params"]["reason"] = error.code
    db.execute("UPDATE jobs SET waits=?, retry_at=? WHERE id=?", (json.dumps(waits), iso(at), found.job))


def give_up(db: sqlite3.Connection, job: str, attempt: int, error: LtError) -> None:
    """It can't go on by itself: it is lost, as its attempt is, and `error` says why it did not go on."""
    if not is_between(db, job):
        return
    _rest(db, job, attempt, states.LOST, "host_retired")
    message = json.dumps(error.as_dict(), ensure_ascii=False)
    db.execute("UPDATE jobs SET message=? WHERE id=?", (message, job))
    # Whoever was told that it is tried again is told that it is not.
    db.execute(
        "UPDATE attempts SET told=0, exit=json_set(exit, '$.retry', NULL) WHERE job_id=? AND attempt=?", (job, attempt)
    )
    jobs.add_event(db, job, attempt, None, "error", error.as_dict())


def asked(db: sqlite3.Connection) -> list[Intent]:
    """What is asked of jobs that are between two hosts, in order, but for where they go on."""
    rows = db.execute(
        "SELECT i.id, i.kind, i.job_id, i.params FROM intents i JOIN jobs j ON j.id=i.job_id"  # noqa: S608
        f" WHERE i.state='pending' AND i.kind NOT IN ('submit', 'relocate') AND {_BETWEEN} ORDER BY i.rowid"
    ).fetchall()
    return [Intent(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def stop(db: sqlite3.Connection, kind: str, job: str) -> None:
    """Stops or pauses a job that is between two hosts: nothing of it runs."""
    (attempt,) = db.execute("SELECT attempt FROM jobs WHERE id=?", (job,)).fetchone()
    state, reason = (states.CANCELLED, "stopped") if kind == "stop" else (states.PAUSED, "paused")
    _rest(db, job, attempt, state, reason)
    jobs.add_event(db, job, attempt, None, "state", {"state": state, "reason": reason})


def _rest(db: sqlite3.Connection, job: str, attempt: int, state: str, reason: str) -> None:
    db.execute(
        "UPDATE jobs SET state=?, reason=?, waits=NULL, retry_at=NULL, finished_at=? WHERE id=? AND attempt=?",
        (state, reason, now(), job, attempt),
    )
