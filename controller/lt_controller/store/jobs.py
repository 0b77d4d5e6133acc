"""Jobs and attempts: how they come to be, change state and end. Every function runs in the writer's transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any, NamedTuple

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import ExitRecord, JobSpec, ResumeFrom, from_dict, to_dict

from .times import iso, now
from .told import plain


def take_submit(db: sqlite3.Connection, intent: str, params: dict[str, Any]) -> str:
    """Turns a submit intent into a job with its first attempt and closes the intent. Again is harmless.

    Returns the job's id.
    """
    spec = from_dict(JobSpec, params["spec"])
    known = db.execute("SELECT 1 FROM jobs WHERE id=?", (spec.job,)).fetchone()
    if known is None:
        recipe = spec.recipe
        db.execute(
            "INSERT INTO jobs"
            " (id, name, host, recipe, method, kind, owner, state, attempt, priority, created_at, spec, pull)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                spec.job,
                spec.name,
                params["host"],
                params.get("recipe_name") or (" ".join(spec.argv) if spec.kind == "command" else None),
                recipe.get("method"),
                spec.kind,
                spec.owner,
                states.QUEUED,
                spec.attempt,
                spec.priority,
                iso(spec.created_at) if spec.created_at else now(),
                json.dumps(to_dict(spec), ensure_ascii=False),
                json.dumps(
                    {"which": params.get("pull"), "data": params.get("data") or [], "code": params.get("code")},
                    ensure_ascii=False,
                ),
            ),
        )
        insert_attempt(db, spec.job, spec.attempt, params["host"], None)
    db.execute("UPDATE intents SET state='done', done_at=? WHERE id=?", (now(), intent))
    return spec.job


def set_state(
    db: sqlite3.Connection, job: str, attempt: int, state: str, reason: str | None = None, time: str | None = None
) -> bool:
    """Moves an attempt, and its job if it is the job's newest, to `state` where the table of states allows it.

    Never to an end: that is the exit record's to say (`end_attempt`). And never from one, whatever a host tells: a job
    goes on by a new attempt, which is a row of its own.
    """
    row = db.execute("SELECT state FROM attempts WHERE job_id=? AND attempt=?", (job, attempt)).fetchone()
    if row is None or {row[0], state} & states.RESTING or not states.can_transition(row[0], state):
        return False
    when = time or now()
    db.execute("UPDATE attempts SET state=?, reason=? WHERE job_id=? AND attempt=?", (state, reason, job, attempt))
    if state == states.RUNNING:
        db.execute("UPDATE attempts SET started_at=? WHERE job_id=? AND attempt=?", (when, job, attempt))
    newest = db.execute("SELECT attempt, state FROM jobs WHERE id=?", (job,)).fetchone()
    if newest is not None and newest[0] == attempt:
        db.execute("UPDATE jobs SET state=?, reason=? WHERE id=?", (state, reason, job))
        if state not in (states.QUEUED, states.STAGING, states.WAITING):
            db.execute("UPDATE jobs SET place=NULL, waits=NULL, retry_at=NULL WHERE id=?", (job,))
    if state == states.RUNNING:  # of a recovered job, attempts come home side by side
        db.execute("UPDATE jobs SET started_at=min(coalesce(started_at, ?1), ?1) WHERE id=?2", (when, job))
    return True


def end_attempt(db: sqlite3.Connection, job: str, attempt: int, record: ExitRecord, clock: float) -> bool:
    """Writes how an attempt ended; the first word stands. `clock` is added to the host's times."""
    row = db.execute("SELECT exit FROM attempts WHERE job_id=? AND attempt=?", (job, attempt)).fetchone()
    if row is None or row[0] is not None:
        return False
    finished = iso(record.finished_at + clock) if record.finished_at else now()
    db.execute(
        "UPDATE attempts SET exit=?, finished_at=?, state=?, reason=? WHERE job_id=? AND attempt=?",
        (json.dumps(to_dict(record)), finished, record.state, plain(record.reason), job, attempt),
    )
    if record.reason == states.MOVED:
        return True  # of the attempt alone: the job goes on elsewhere (`choices.move`)
    db.execute(
        "UPDATE jobs SET state=?, reason=?, message=?, finished_at=?, exit_code=?,"
        " place=NULL, waits=NULL, retry_at=NULL WHERE id=? AND attempt=?",
        (
            record.state,
            plain(record.reason),
            plain(record.message) or None,
            finished,
            record.exit_code,
            job,
            attempt,
        ),
    )
    return True


def end_here(db: sqlite3.Connection, job: str, attempt: int, state: str, error: LtError) -> None:
    """Ends an attempt that never reached its host: `failed` or `cancelled`, and `error` says why."""
    message = json.dumps(error.as_dict(), ensure_ascii=False)
    end_attempt(db, job, attempt, ExitRecord(state=state, reason=error.code, message=message), 0.0)
    add_event(db, job, attempt, None, "ended_before_start", error.as_dict())


def new_attempt(db: sqlite3.Connection, job: str, resume: ResumeFrom | None) -> int:
    """Begins the next attempt of a resting job. Raises LtError `job_not_resting`."""
    row = db.execute("SELECT state, attempt, host, spec FROM jobs WHERE id=?", (job,)).fetchone()
    if row is None or row[0] not in states.RESTING:
        raise LtError("job_not_resting", job=job, state=row[0] if row else "unknown")
    attempt = int(row[1]) + 1
    before = from_dict(JobSpec, json.loads(row[3]))
    # What a person begins has all its retries before it, and waits for nothing.
    spec = replace(before, attempt=attempt, resume=resume, tried=0, not_before=0.0)
    db.execute(
        "UPDATE jobs SET attempt=?, state=?, reason=NULL, message=NULL, finished_at=NULL, exit_code=NULL, spec=?"
        " WHERE id=?",
        (attempt, states.QUEUED, json.dumps(to_dict(spec), ensure_ascii=False), job),
    )
    insert_attempt(db, job, attempt, row[2], resume)
    return attempt


def add_event(
    db: sqlite3.Connection, job: str | None, attempt: int | None, host: str | None, code: str, params: dict[str, Any]
) -> None:
    """An event of the controller's own. Its number is negative, so that it never meets a host's byte offset."""
    seq = db.execute(
        "SELECT coalesce(min(seq), 0) - 1 FROM events WHERE job_id=? AND attempt=? AND seq < 0", (job, attempt)
    ).fetchone()[0]
    db.execute(
        "INSERT INTO events (job_id, attempt, seq, code, params, time, host) VALUES (?,?,?,?,?,?,?)",
        (job, attempt, seq, plain(code), json.dumps(params), now(), host),
    )


def set_total_steps(db: sqlite3.Connection, job: str, attempt: int, total: int) -> None:
    """The true number of steps, as the worker planned it."""
    db.execute("UPDATE jobs SET total_steps=? WHERE id=? AND attempt=?", (total, job, attempt))


class Brief(NamedTuple):
    """What a request needs to know of a job."""

    id: str
    name: str
    attempt: int
    state: str


def brief(db: sqlite3.Connection, job: str) -> Brief:
    """The job in brief. Raises LtError `no_such_job`."""
    row = db.execute("SELECT id, name, attempt, state FROM jobs WHERE id=? AND removed=0", (job,)).fetchone()
    if row is None:
        raise LtError("no_such_job", ref=job, near=[])
    return Brief(*row)


def host(db: sqlite3.Connection, job: str) -> str:
    """Where the job is, or was last."""
    return str(db.execute("SELECT host FROM jobs WHERE id=?", (job,)).fetchone()[0])


def cancel_paused(db: sqlite3.Connection, job: str) -> None:
    """A paused job is stopped for good; nothing of it runs, so nothing on the host need change."""
    db.execute(
        "UPDATE jobs SET state=?, reason='stopped' WHERE id=? AND state=?", (states.CANCELLED, job, states.PAUSED)
    )
    row = db.execute("SELECT attempt, host FROM jobs WHERE id=?", (job,)).fetchone()
    add_event(db, job, row[0], row[1], "state", {"state": states.CANCELLED, "reason": "stopped"})


def note(db: sqlite3.Connection, job: str, attempt: int, host: str, error: LtError) -> None:
    """Something a person should know of a job that changes nothing about its state; noted once."""
    message = json.dumps(error.as_dict())
    row = db.execute("SELECT message, attempt FROM jobs WHERE id=?", (job,)).fetchone()
    if row is None or message == (row[0] if row[1] == attempt else _last_note(db, job, attempt)):
        return
    db.execute("UPDATE jobs SET message=? WHERE id=? AND attempt=?", (message, job, attempt))
    add_event(db, job, attempt, host, "note", error.as_dict())


def _last_note(db: sqlite3.Connection, job: str, attempt: int) -> str | None:
    """Of an attempt that others came after: the job's own message is not of it."""
    row = db.execute(
        "SELECT params FROM events WHERE job_id=? AND attempt=? AND seq<0 AND code='note' ORDER BY seq LIMIT 1",
        (job, attempt),
    ).fetchone()
    return row[0] if row is not None else None


def forget_note(db: sqlite3.Connection, job: str, attempt: int) -> None:
    """What was noted of a job that goes on is over."""
    db.execute("UPDATE jobs SET message=NULL WHERE id=? AND attempt=? AND finished_at IS NULL", (job, attempt))


def remove(db: sqlite3.Connection, job: str) -> None:
    """Forgets a job whose folder on the host is gone. Its row stays, marked, so that its name is never given again."""
    for table in ("logs", "metrics", "events", "checkpoints"):
        db.execute(f"DELETE FROM {table} WHERE job_id=?", (job,))  # noqa: S608
    db.execute("UPDATE jobs SET removed=1 WHERE id=?", (job,))


def is_removed(db: sqlite3.Connection, job: str) -> bool:
    """Whether a person has had the job forgotten here."""
    return db.execute("SELECT 1 FROM jobs WHERE id=? AND removed=1", (job,)).fetchone() is not None


class Unfinished(NamedTuple):
    """An attempt without an exit record."""

    job: str
    attempt: int
    newest: bool  # the job's newest attempt; an older one is only followed to its end
    state: str


def unfinished(db: sqlite3.Connection, host: str) -> list[Unfinished]:
    """The attempts on `host` that have not ended as far as is known here, oldest job first."""
    rows = db.execute(
        "SELECT a.job_id, a.attempt, a.attempt = j.attempt, a.state FROM attempts a JOIN jobs j ON j.id = a.job_id"
        " WHERE a.host=? AND a.exit IS NULL AND j.removed=0 AND j.adopted_by IS NULL ORDER BY a.job_id, a.attempt",
        (host,),
    ).fetchall()
    return [Unfinished(row[0], row[1], bool(row[2]), row[3]) for row in rows]


class Order(NamedTuple):
    """What was submitted."""

    spec: JobSpec
    which: str | None  # the pull policy
    snapshots: list[dict[str, Any]]  # data and code as frozen on the laptop


def order(db: sqlite3.Connection, job: str) -> Order:
    """What was submitted, with the spec of the job's newest attempt."""
    spec, sources = db.execute("SELECT spec, pull FROM jobs WHERE id=?", (job,)).fetchone()
    value = json.loads(sources)
    snapshots = [*(value.get("data") or []), *([value["code"]] if value.get("code") else [])]
    return Order(from_dict(JobSpec, json.loads(spec)), value.get("which"), snapshots)


def insert_attempt(db: sqlite3.Connection, job: str, attempt: int, host: str, resume: ResumeFrom | None) -> None:
    """The row of an attempt that no host has yet."""
    db.execute(
        "INSERT INTO attempts (job_id, attempt, host, state, resume) VALUES (?,?,?,?,?)",
        (job, attempt, host, states.QUEUED, json.dumps(to_dict(resume)) if resume else None),
    )
