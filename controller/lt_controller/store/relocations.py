"""Jobs that go on elsewhere, and hosts that a person has given up. Every function runs in the writer's transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import DataLink, EnvPlan, ExitRecord, JobSpec, ResumeFrom, from_dict, to_dict
from lt_agent.protocol.ulid import new_ulid

from . import elsewhere, intents, jobs
from .intents import Intent
from .times import now

RETIRED = "host_retired"


def asked(db: sqlite3.Connection) -> bool:
    """Whether `settle` would find anything."""
    where = "WHERE state='pending' AND kind IN ('retire', 'relocate')"
    return db.execute(f"SELECT 1 FROM intents {where} LIMIT 1").fetchone() is not None  # noqa: S608


def settle(db: sqlite3.Connection) -> bool:
    """Carries out what needs no host: retirements, then jobs that go on elsewhere; whether there was anything."""
    rows = db.execute(
        "SELECT id, kind, coalesce(job_id, ''), params FROM intents"
        " WHERE state='pending' AND kind IN ('retire', 'relocate') ORDER BY kind DESC, rowid"
    ).fetchall()
    for identity, kind, job, params in rows:
        intent = Intent(identity, kind, job, json.loads(params))
        try:
            if kind == "retire":
                retire(db, str(intent.params["host"]))
            else:
                relocate(db, intent.job, intent.params)
        except LtError as error:
            intents.failed(db, intent.id, error)
        else:
            intents.done(db, intent.id)
    return bool(rows)


def retire(db: sqlite3.Connection, host: str) -> int:
    """Gives up every attempt on `host` that has not ended: by a person's word, not by proof. Their number.

    What else was asked of jobs there has failed: nobody is left to carry it out.
    """
    rows = db.execute(
        "SELECT a.job_id, a.attempt FROM attempts a JOIN jobs j ON j.id=a.job_id"
        " WHERE a.host=? AND a.exit IS NULL AND j.removed=0 AND j.adopted_by IS NULL",
        (host,),
    ).fetchall()
    for job, attempt in rows:
        newest = db.execute("SELECT 1 FROM jobs WHERE id=? AND attempt=?", (job, attempt)).fetchone() is not None
        goes_on = newest and elsewhere.may_go_on(db, job)
        retry = elsewhere.announced(db, job, attempt) if goes_on else None
        jobs.end_attempt(db, job, attempt, ExitRecord(states.LOST, RETIRED, retry=retry), 0.0)
        jobs.add_event(db, job, attempt, host, RETIRED, {"host": host})
        db.execute("UPDATE attempts SET fenced=1 WHERE job_id=? AND attempt=?", (job, attempt))
        if goes_on:
            elsewhere.leave(db, job, host)
    if rows:
        _ask_to_stop(db, host)
    # What is on it alone can't be had any more, and must not be waited for.
    db.execute(
        "UPDATE checkpoints SET pull_state='none' WHERE pull_state IN ('pending', 'pulling')"
        " AND (job_id, attempt) IN (SELECT job_id, attempt FROM attempts WHERE host=?)",
        (host,),
    )
    for intent in intents.pending_on(db, host):
        if intent.kind in ("stop", "pause") and elsewhere.is_between(db, intent.job):
            continue  # it needs no host: `engine.offline.settle_here`
        intents.failed(db, intent.id, LtError(RETIRED, host=host))
    return len(rows)


def fenced_on(db: sqlite3.Connection, host: str) -> list[tuple[str, int]]:
    """(job, attempt) that are to be stopped there, should they still run."""
    rows = db.execute("SELECT job_id, attempt FROM attempts WHERE host=? AND fenced=1", (host,))
    return [(row[0], row[1]) for row in rows]


def fence_done(db: sqlite3.Connection, host: str, job: str, attempt: int) -> None:
    """The host has been told to stop it, or has never had it."""
    db.execute("UPDATE attempts SET fenced=2 WHERE job_id=? AND attempt=?", (job, attempt))
    if not fenced_on(db, host):
        fences_tried(db, host)


def fences_asked(db: sqlite3.Connection, host: str) -> bool:
    """Whether the host is yet to be asked, once, to stop what was given up there: it may well be within reach."""
    where = "WHERE state='pending' AND kind='fence' AND json_extract(params, '$.host')=?"
    return db.execute(f"SELECT 1 FROM intents {where} LIMIT 1", (host,)).fetchone() is not None  # noqa: S608


def fences_tried(db: sqlite3.Connection, host: str) -> None:
    """It was asked, or could not be: then it is when it is seen again, and nobody waits for that."""
    db.execute(
        "UPDATE intents SET state='done', done_at=? WHERE state='pending' AND kind='fence'"
        " AND json_extract(params, '$.host')=?",
        (now(), host),
    )


def _ask_to_stop(db: sqlite3.Connection, host: str) -> None:
    """A request of the controller's own, so that a try is made whoever dies in between."""
    db.execute(
        "INSERT INTO intents (id, kind, params, state, created_at) VALUES (?,'fence',?,'pending',?)",
        (new_ulid(), json.dumps({"host": host}), now()),
    )


def relocate(db: sqlite3.Connection, job: str, params: dict[str, Any]) -> int:
    """Begins the next attempt of a job that rests, or looks for a host, on another one; its number.

    `params` as `client.relocating` made them; with `again` it is one of the job's own retries.

    Raises LtError `job_not_resting`.
    """
    row = db.execute("SELECT state, attempt, host, spec, pull FROM jobs WHERE id=? AND removed=0", (job,)).fetchone()
    between = elsewhere.is_between(db, job)
    again = bool(params.get("again"))
    if row is None or not (between or (row[0] in states.RESTING and not again)):
        raise LtError("job_not_resting", job=job, state=row[0] if row else "unknown")
    attempt = int(row[1]) + 1
    snapshot, resume = params.get("snapshot"), params.get("resume")
    old, pull = from_dict(JobSpec, json.loads(row[3])), json.loads(row[4])
    data = old.data
    if snapshot:
        link = DataLink(str(snapshot["name"]), str(snapshot["digest"]))
        data = tuple(dict.fromkeys((*old.data, link)))
        pull["data"] = [*(item for item in pull.get("data") or [] if item["digest"] != link.digest), snapshot]
    spec = replace(
        old,
        attempt=attempt,
        env=from_dict(EnvPlan, params["env"]),
        variables=dict(params["variables"]),
        data=data,
        resume=from_dict(ResumeFrom, resume) if resume else None,
        # What a person begins has all its retries before it.
        tried=old.tried + 1 if again else 0,
        not_before=0.0,
    )
    db.execute(
        "UPDATE jobs SET host=?, attempt=?, state=?, reason=NULL, message=NULL, finished_at=NULL, exit_code=NULL,"
        " place=NULL, waits=NULL, retry_at=NULL, asked=CASE WHEN ? THEN asked END, spec=?, pull=? WHERE id=?",
        (
            params["host"],
            attempt,
            states.QUEUED,
            again,
            json.dumps(to_dict(spec), ensure_ascii=False),
            json.dumps(pull, ensure_ascii=False),
            job,
        ),
    )
    db.execute("DELETE FROM choices WHERE job_id=?", (job,))
    jobs.insert_attempt(db, job, attempt, params["host"], spec.resume)
    told = {"origin": row[2], "host": params["host"], "name": (resume or {}).get("name")}
    jobs.add_event(db, job, attempt, params["host"], "relocated", told)
    return attempt
