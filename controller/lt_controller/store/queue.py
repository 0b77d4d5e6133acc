"""Waiting and trying again: places in line, priorities, and the attempts that hosts begin by themselves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from lt_agent.protocol import states
from lt_agent.protocol.records import ExitRecord, JobSpec, from_dict, to_dict
from lt_agent.protocol.retrying import next_spec, retry_from

from .times import iso


class InLine(NamedTuple):
    """What a host says of a waiting attempt. `code` is None for one that it does not speak of any more."""

    job: str
    attempt: int
    place: int | None
    code: str | None
    params: dict[str, Any]


def set_line(db: sqlite3.Connection, items: Iterable[InLine], clock: float) -> None:
    """Writes places and reasons of attempts that wait. `clock` is added to the host's times."""
    for item in items:
        waits, at = None, None
        if item.code is not None:
            params = dict(item.params)
            if item.code == "retry" and isinstance(params.get("at"), (int, float)):
                params["at"] += clock
                at = iso(params["at"])
            waits = json.dumps({"code": item.code, "params": params}, ensure_ascii=False)
        db.execute(
            "UPDATE jobs SET place=?, waits=?, retry_at=? WHERE id=? AND attempt=? AND state IN (?,?)",
            (item.place, waits, at, item.job, item.attempt, states.STAGING, states.WAITING),
        )


def set_priority(db: sqlite3.Connection, job: str, priority: int) -> None:
    """The priority that the job has from now on, here and in every spec of it that is still to be sent."""
    (spec,) = db.execute("SELECT spec FROM jobs WHERE id=?", (job,)).fetchone()
    changed = {**json.loads(spec), "priority": priority}
    db.execute(
        "UPDATE jobs SET priority=?, spec=? WHERE id=?", (priority, json.dumps(changed, ensure_ascii=False), job)
    )


def begin_retry(db: sqlite3.Connection, job: str, attempt: int, record: ExitRecord, clock: float) -> bool:
    """Follows an ended attempt by the one that its host begins by itself; whether there is one.

    In the transaction that ends the first: nobody ever sees the job at rest in between. A host that tells of a retry
    which the job's own spec does not allow is not believed.
    """
    row = db.execute("SELECT attempt, spec, host, priority FROM jobs WHERE id=?", (job,)).fetchone()
    if row is None or row[0] != attempt:
        return False
    spec = from_dict(JobSpec, json.loads(row[1]))
    retry = retry_from(record.retry, spec, record)
    if retry is None:
        return False
    said = (record.retry or {}).get("name")
    known = db.execute(
        "SELECT 1 FROM checkpoints WHERE job_id=? AND attempt=? AND name=? AND resumable=1", (job, attempt, str(said))
    ).fetchone()
    following = replace(next_spec(spec, retry, str(said) if known else None), priority=row[3])
    at = retry.at + clock
    params = {"at": at, "reason": record.reason, "try": retry.tried, "tries": spec.retries}
    # The host may have it already, so it counts as sent: a stop has to ask there.
    db.execute(
        "UPDATE jobs SET attempt=?, state=?, reason=NULL, message=NULL, finished_at=NULL, exit_code=NULL, spec=?,"
        " waits=?, retry_at=? WHERE id=?",
        (
            *(retry.attempt, states.STAGING, json.dumps(to_dict(following), ensure_ascii=False)),
            *(json.dumps({"code": "retry", "params": params}, ensure_ascii=False), iso(at), job),
        ),
    )
    resume = json.dumps(to_dict(following.resume)) if following.resume else None
    db.execute(
        "INSERT OR IGNORE INTO attempts (job_id, attempt, host, state, resume) VALUES (?,?,?,?,?)",
        (job, retry.attempt, row[2], states.STAGING, resume),
    )
    return True
