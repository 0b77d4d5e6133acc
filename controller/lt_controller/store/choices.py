"""Jobs that may go to one of several hosts, as long as they have not begun. Runs in the writer's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lt_agent.protocol import states
from lt_agent.protocol.records import ExitRecord

from . import jobs
from .times import now


class Movable(NamedTuple):
    """A job that waits, and could go elsewhere."""

    job: str
    attempt: int
    host: str
    state: str
    waits: str | None  # its host has told that and why it waits
    gpus: int
    to: tuple[str, ...]  # the other hosts, the best first


class Room(NamedTuple):
    """A host as far as it is known here."""

    state: str
    last_seen: str | None
    taken: int  # slots that jobs of ours hold
    waiting: int  # jobs of ours that are to go there or are in its line


LOAD = (
    "SELECT host, sum(CASE WHEN state IN ('preparing', 'running', 'stopping')"
    "   THEN max(1, coalesce(json_extract(spec, '$.gpus'), 0)) ELSE 0 END),"
    " sum(state IN ('queued', 'staging', 'waiting'))"
    " FROM jobs WHERE removed=0 AND adopted_by IS NULL AND state IN"
    " ('queued', 'staging', 'waiting', 'preparing', 'running', 'stopping') GROUP BY host"
)


def loads(rows: Iterable[Sequence[Any]]) -> dict[str, tuple[int, int]]:
    """What `LOAD` finds: per host, the slots that jobs of ours hold there, and our jobs in its line."""
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def take_submit(db: sqlite3.Connection, intent: str, params: dict[str, Any]) -> str:
    """As `jobs.take_submit`, with the hosts that the job may go to."""
    job = jobs.take_submit(db, intent, params)
    if params.get("asked"):
        _keep(db, job, str(params["asked"]), params.get("among") or [])
        first = db.execute("SELECT 1 FROM events WHERE job_id=? AND code='placed'", (job,)).fetchone() is None
        if first and params.get("ranking"):
            jobs.add_event(db, job, 1, params["host"], "placed", {"ranking": params["ranking"]})
    return job


def _keep(db: sqlite3.Connection, job: str, asked: str, among: Sequence[dict[str, Any]]) -> None:
    db.execute("UPDATE jobs SET asked=? WHERE id=?", (asked, job))
    for number, choice in enumerate(among):
        db.execute(
            "INSERT OR IGNORE INTO choices (job_id, host, rank, spec, data) VALUES (?,?,?,?,?)",
            (job, choice["host"], number, json.dumps(choice["spec"]), json.dumps(choice.get("data") or [])),
        )


def movable(db: sqlite3.Connection) -> list[Movable]:
    """Jobs that have a choice and have not begun, the most urgent first; not those with an open request."""
    rows = db.execute(
        "SELECT j.id, j.attempt, j.host, j.state, j.waits, coalesce(json_extract(j.spec, '$.gpus'), 0),"
        " (SELECT json_group_array(host) FROM (SELECT host FROM choices WHERE job_id=j.id ORDER BY rank))"
        " FROM jobs j WHERE j.asked IS NOT NULL AND j.removed=0 AND j.adopted_by IS NULL AND j.started_at IS NULL"
        " AND j.state IN ('queued', 'staging', 'waiting') AND coalesce(json_extract(j.spec, '$.resume'), '') = ''"
        " AND coalesce(json_extract(j.waits, '$.code'), '') != 'elsewhere'"
        " AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.job_id=j.id AND i.state='pending' AND i.kind!='submit')"
        " ORDER BY j.priority DESC, j.id"
    ).fetchall()
    found = []
    for job, attempt, host, state, waits, gpus, among in rows:
        others = tuple(name for name in json.loads(among) if name != host)
        found.append(Movable(job, attempt, host, state, waits, int(gpus), others))
    return found


def rooms(db: sqlite3.Connection) -> dict[str, Room]:
    """Every host that was ever talked to, with the load that our jobs are to it."""
    load = loads(db.execute(LOAD))
    rows = db.execute("SELECT name, state, last_seen FROM hosts")
    return {row[0]: Room(row[1], row[2], *load.get(row[0], (0, 0))) for row in rows}


def move(db: sqlite3.Connection, job: str, attempt: int, to: str) -> int | None:
    """Ends an attempt that will never begin, and starts the next on another host; its number.

    None if the job has moved already or is not as it was. The caller has seen to it that the host has let go of it.
    """
    row = db.execute(
        "SELECT j.host, j.state, c.spec, c.data, j.pull, j.priority FROM jobs j"
        " JOIN choices c ON c.job_id=j.id AND c.host=?"
        " WHERE j.id=? AND j.attempt=? AND j.started_at IS NULL",
        (to, job, attempt),
    ).fetchone()
    if row is None or row[1] not in (states.QUEUED, states.STAGING, states.WAITING, states.CANCELLED) or row[0] == to:
        return None
    jobs.end_attempt(db, job, attempt, ExitRecord(states.CANCELLED, states.MOVED), 0.0)
    spec = {**json.loads(row[2]), "attempt": attempt + 1, "priority": row[5]}
    pull = {**json.loads(row[4]), "data": json.loads(row[3])}
    words = [json.dumps(value, ensure_ascii=False) for value in (spec, pull)]
    db.execute(
        "UPDATE jobs SET host=?, attempt=?, state=?, reason=NULL, message=NULL, finished_at=NULL, exit_code=NULL,"
        " place=NULL, waits=NULL, spec=?, pull=? WHERE id=?",
        (to, attempt + 1, states.QUEUED, *words, job),
    )
    jobs.insert_attempt(db, job, attempt + 1, to, None)
    jobs.add_event(db, job, attempt + 1, to, states.MOVED, {"origin": row[0], "host": to})
    return attempt + 1


def ask_to_move(db: sqlite3.Connection, intent: str, job: str, attempt: int, to: str) -> None:
    """Has the job's present host asked to let go of it; the intent is the controller's own."""
    db.execute(
        "INSERT INTO intents (id, kind, job_id, params, state, created_at) VALUES (?,'move',?,?,'pending',?)",
        (intent, job, json.dumps({"to": to, "attempt": attempt}), now()),
    )
