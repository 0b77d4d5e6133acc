"""Jobs and attempts that the database did not know (any more), from what their host or the files at home say."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec, Manifest, to_dict

from . import jobs
from .checkpoints import sum_up
from .times import iso, now


def add_job(
    db: sqlite3.Connection,
    host: str,
    owner: str,
    specs: Mapping[int, JobSpec],
    name: str,
) -> bool:
    """Adds the job and those of its attempts that are not known; whether anything was new.

    `specs`: by attempt. A new attempt is `waiting` with its cursors at 0: following it from there brings all the
    rest. Raises LtError `job_elsewhere` for a job that is known to have an attempt of that number on another host:
    one host must not speak for another's jobs.
    """
    newest = specs[max(specs)]
    job = newest.job
    for attempt in specs:
        there = db.execute("SELECT host FROM attempts WHERE job_id=? AND attempt=?", (job, attempt)).fetchone()
        if there is not None and there[0] != host:
            raise LtError("job_elsewhere", host=host, job=job, other=there[0])
    known = db.execute("SELECT attempt, spec FROM jobs WHERE id=?", (job,)).fetchone()
    if known is None:
        _insert(db, host, owner, newest, name)
    fresh = known is None
    for attempt, spec in sorted(specs.items()):
        resume = json.dumps(to_dict(spec.resume)) if spec.resume else None
        done = db.execute(
            "INSERT OR IGNORE INTO attempts (job_id, attempt, host, state, resume, tell_from) VALUES (?,?,?,?,?,?)",
            (job, attempt, host, states.WAITING, resume, now()),  # what happened before is told to nobody
        )
        fresh = fresh or done.rowcount > 0
    if known is not None and newest.attempt > known[0]:
        # What was submitted here says which secrets it may have, and no host.
        newest = replace(newest, secrets=tuple(json.loads(known[1]).get("secrets") or ()))
        db.execute(
            "UPDATE jobs SET attempt=?, host=?, state=?, reason=NULL, message=NULL, finished_at=NULL, exit_code=NULL,"
            " spec=? WHERE id=?",
            (newest.attempt, host, states.WAITING, _text(newest, owner), job),
        )
    if fresh:
        jobs.add_event(db, job, newest.attempt, host, "recovered", {})
    return fresh


def ended_on(db: sqlite3.Connection, host: str, job: str) -> list[int]:
    """The job's attempts on the host that have ended as far as is known here, and were not given up."""
    where = "WHERE job_id=? AND host=? AND exit IS NOT NULL AND fenced=0 ORDER BY attempt"
    return [row[0] for row in db.execute(f"SELECT attempt FROM attempts {where}", (job, host))]  # noqa: S608


def free_name(db: sqlite3.Connection, job: str, wanted: str, taken: Callable[[str], bool]) -> str:
    """The job's name here: the one it has, else `wanted`, with a suffix where another job has that.

    `taken`: whether the files at home have a name given to another job.
    """
    row = db.execute("SELECT name FROM jobs WHERE id=?", (job,)).fetchone()
    if row is not None:
        return str(row[0])
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{job[-6:].lower()}" if number == 2 else f"-{number - 1}"
        name = wanted[: 63 - len(suffix)] + suffix
        if db.execute("SELECT 1 FROM jobs WHERE name=?", (name,)).fetchone() is None and not taken(name):
            return name
        number += 1


def add_home_checkpoint(db: sqlite3.Connection, job: str, attempt: int, manifest: Manifest, path: str) -> bool:
    """A checkpoint that lies at home, every hash verified. What the host still has of it, the host will tell."""
    done = db.execute(
        "INSERT INTO checkpoints (job_id, attempt, name, kind, step, metric, best, resumable, size, created_at,"
        " pull_state, path, manifest) VALUES (?,?,?,?,?,?,?,?,?,?,'pulled',?,?)"
        " ON CONFLICT (job_id, attempt, name) DO UPDATE SET pull_state='pulled', path=excluded.path"
        " WHERE pull_state!='pulled'",
        (
            job,
            attempt,
            manifest.name,
            manifest.kind,
            manifest.step,
            manifest.metric,
            int(manifest.best),
            int(manifest.resumable),
            manifest.size,
            iso(manifest.created_at) if manifest.created_at else now(),
            path,
            json.dumps(to_dict(manifest)),
        ),
    )
    sum_up(db, job)
    return done.rowcount > 0


def _insert(db: sqlite3.Connection, host: str, owner: str, spec: JobSpec, name: str) -> None:
    which: Any = spec.pull or (("all" if spec.outputs else "none") if spec.kind == "command" else None)
    db.execute(
        "INSERT INTO jobs (id, name, host, recipe, method, kind, owner, state, attempt, created_at, spec, pull)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            spec.job,
            name,
            host,
            spec.title or (" ".join(spec.argv) if spec.kind == "command" else None),
            spec.recipe.get("method"),
            spec.kind,
            owner,
            states.WAITING,
            spec.attempt,
            iso(spec.created_at) if spec.created_at else now(),
            _text(spec, owner),
            # The snapshots are on the host; from where on this laptop they came, nobody knows any more.
            # That a host told of it (`confided.may_have`) stays known.
            json.dumps({"which": which, "data": [], "code": None, "told_by": host}),
        ),
    )


def _text(spec: JobSpec, owner: str) -> str:
    return json.dumps({**to_dict(spec), "owner": owner}, ensure_ascii=False)
