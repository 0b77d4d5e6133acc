"""Every question the client asks the database, as one function each. `streams` has logs and metrics."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states
from lt_agent.protocol.ulid import is_ulid

from ..pace import seconds_left
from .database import Reader, load, when
from .models import Job

if TYPE_CHECKING:
    from .details import Attempt, Checkpoint, Event, Request, Transfer

_PLAIN = (
    *("id", "name", "host", "kind", "state", "owner", "recipe", "method", "reason", "message", "pull_state"),
    *("attempt", "step", "total_steps", "exit_code", "priority", "place", "adopted_by"),
)
_JOB = ", ".join((*_PLAIN, "created_at", "started_at", "finished_at", "waits", "retry_at"))
_LIVE = tuple(state for state in states.STATES if state not in states.ENDED)


JobMemo = dict[str, tuple[tuple[Any, ...], Job]]  # by id: a job's row, and what was made of it


def jobs(db: Reader, *, all: bool = False, host: str | None = None, memo: JobMemo | None = None) -> list[Job]:
    """Jobs, oldest first; those that have ended only with `all`. One submitted a moment ago is there already.

    `memo` is for who asks again and again: a job whose row is as it was is the same object as before.
    """
    sql = f"SELECT {_JOB} FROM jobs WHERE removed=0"  # noqa: S608
    values: list[str] = []
    if not all:
        sql += f" AND adopted_by IS NULL AND state IN ({','.join('?' * len(_LIVE))})"
        values += _LIVE
    if host is not None:
        sql += " AND host=?"
        values.append(host)
    rows = db.rows(sql + " ORDER BY id", values)
    found = [_job(row) for row in rows] if memo is None else _remembered(rows, memo)
    fresh = [job for job in _submitted(db) if host in (None, job.host)]
    return found + fresh


def ranking(db: Reader, job: str) -> list[dict[str, Any]]:
    """The ranking of hosts that the job was submitted with."""
    row = db.row(
        "SELECT json_extract(params, '$.ranking') AS ranking FROM intents WHERE kind='submit' AND job_id=?", (job,)
    )
    found = load(row["ranking"]) if row and row["ranking"] else None
    return [rank for rank in found if isinstance(rank, dict)] if isinstance(found, list) else []


def unfinished(db: Reader) -> bool:
    """Whether anything is left for a controller to do."""
    live = tuple(state for state in states.STATES if state not in states.RESTING)
    found = db.rows(
        f"SELECT 1 FROM jobs WHERE removed=0 AND adopted_by IS NULL AND (state IN ({','.join('?' * len(live))})"  # noqa: S608
        " OR pull_state IN ('pending', 'pulling'))"
        " UNION ALL SELECT 1 FROM intents WHERE state IN ('pending', 'doing') LIMIT 1",
        live,
    )
    # Asked for themselves: a database that an older lt has left does not know them.
    return bool(found) or any(
        db.rows(f"SELECT 1 FROM {table} WHERE state IN ('running', 'stopping') LIMIT 1")  # noqa: S608
        for table in ("pipelines", "sweeps")
    )


def find_jobs(db: Reader, ref: str) -> list[Job]:
    """Jobs that `ref` may mean: the one of this id or name, else all whose id or name begins so."""
    text = ref.strip()
    exact = db.rows(
        f"SELECT {_JOB} FROM jobs WHERE removed=0 AND (id=? OR name=?)",  # noqa: S608
        (text.upper(), text),
    )
    if exact:
        return [_job(exact[0])]
    fresh = _submitted(db, text.upper() if is_ulid(text.upper()) else None)
    for job in fresh:
        if text.upper() == job.id or text == job.name:
            return [job]
    if not text:
        return []
    begins = db.rows(
        f"SELECT {_JOB} FROM jobs WHERE removed=0 AND (substr(id,1,?)=? OR substr(name,1,?)=?) ORDER BY id DESC",  # noqa: S608
        (len(text), text.upper(), len(text), text),
    )
    return [_job(row) for row in begins] + [
        job for job in fresh if job.id.startswith(text.upper()) or job.name.startswith(text)
    ]


def names(db: Reader, limit: int = 500) -> list[str]:
    """The newest jobs' names, to find one near a misspelt one."""
    rows = db.rows("SELECT name FROM jobs WHERE removed=0 ORDER BY id DESC LIMIT ?", (limit,))
    return [row["name"] for row in rows] + [job.name for job in _submitted(db)]


def attempts(db: Reader, job: str) -> list[Attempt]:
    """The attempts of a job, first to newest."""
    from .details import Attempt

    rows = db.rows("SELECT * FROM attempts WHERE job_id=? ORDER BY attempt", (job,))
    return [
        Attempt(
            attempt=row["attempt"],
            host=row["host"],
            state=row["state"],
            reason=row["reason"],
            started_at=when(row["started_at"]),
            finished_at=when(row["finished_at"]),
            log_size=row["log_cursor"],
            exit=load(row["exit"]),
            resume=load(row["resume"]),
        )
        for row in rows
    ]


def spec(db: Reader, job: str) -> dict[str, Any]:
    """What was submitted: the job's spec, with `pull` (the policy and the snapshots) beside it."""
    row = db.row("SELECT spec, pull FROM jobs WHERE id=?", (job,))
    if row is not None:
        return {**(load(row["spec"]) or {}), "pull": load(row["pull"]) or {}}
    for params in _submits(db, job):
        if params["spec"]["job"] == job:
            return {**params["spec"], "pull": {"which": params.get("pull"), "data": params.get("data")}}
    return {}


def eta(db: Reader, job: Job) -> float | None:
    """Seconds until the last step at the speed of the latest logged steps; None where that can't be said."""
    if job.state != states.RUNNING or not job.total_steps:
        return None
    rows = db.rows(
        "SELECT step, time FROM metrics WHERE job_id=? AND attempt=? AND name='loss' AND time IS NOT NULL"
        " ORDER BY step DESC LIMIT 20",
        (job.id, job.attempt),
    )
    return seconds_left([(row["step"], row["time"]) for row in rows], job.total_steps)


def events(db: Reader, job: str) -> list[Event]:
    """What happened to a job, in order: attempts by number, each one's events by sequence, the laptop's own by time."""
    from .details import Event

    rows = db.rows(
        "SELECT attempt, seq, code, params, time, host FROM events WHERE job_id=? ORDER BY time, seq", (job,)
    )
    return [
        Event(row["attempt"] or 0, row["code"], load(row["params"]) or {}, when(row["time"]), row["host"])
        for row in rows
    ]


def checkpoints(db: Reader, job: str) -> list[Checkpoint]:
    """The checkpoints of a job, in the order in which they were made."""
    rows = db.rows("SELECT * FROM checkpoints WHERE job_id=? ORDER BY attempt, created_at, step", (job,))
    return [_checkpoint(row) for row in rows]


def made_on(db: Reader, host: str) -> list[tuple[str, Checkpoint]]:
    """(job, checkpoint) of all that attempts on a host have made, in order; those of other attempts lie elsewhere."""
    rows = db.rows(
        "SELECT c.* FROM attempts a JOIN jobs j ON j.id=a.job_id AND j.removed=0 AND j.adopted_by IS NULL"
        " JOIN checkpoints c ON c.job_id=a.job_id AND c.attempt=a.attempt"
        " WHERE a.host=? ORDER BY c.job_id, c.attempt, c.created_at, c.step",
        (host,),
    )
    return [(row["job_id"], _checkpoint(row)) for row in rows]


def transfers(db: Reader, job: str | None = None) -> list[Transfer]:
    """Pushes and pulls, the newest first."""
    from .details import Transfer

    sql = "SELECT * FROM transfers"
    values: tuple[str, ...] = ()
    if job is not None:
        sql, values = sql + " WHERE job_id=?", (job,)
    return [
        Transfer(
            job=row["job_id"],
            host=row["host"],
            direction=row["direction"],
            what=row["what"],
            done=row["done"],
            total=row["total"],
            files=row["files"],
            state=row["state"],
            started_at=when(row["started_at"]),
            updated_at=when(row["updated_at"]),
        )
        for row in db.rows(sql + " ORDER BY started_at DESC LIMIT 500", values)
    ]


def request(db: Reader, intent: str) -> Request | None:
    """How far something asked of the controller has come."""
    from .details import Request

    row = db.row("SELECT id, kind, job_id, state, error FROM intents WHERE id=?", (intent,))
    return Request(row["id"], row["kind"], row["job_id"], row["state"], load(row["error"])) if row else None


def open_requests(db: Reader, job: str) -> list[Request]:
    """What was asked for a job and is not carried out yet."""
    from .details import Request

    rows = db.rows(
        "SELECT id, kind, job_id, state, error FROM intents"
        " WHERE job_id=? AND state IN ('pending','doing') ORDER BY rowid",
        (job,),
    )
    return [Request(row["id"], row["kind"], row["job_id"], row["state"], load(row["error"])) for row in rows]


def host_rows(db: Reader, host: str | None = None) -> dict[str, dict[str, Any]]:
    """Per host, or for one: its row, its newest facts (`facts`, `facts_time`) and its live jobs (`active`)."""
    all_rows, newest = "SELECT * FROM hosts", "SELECT host, max(time) AS time, data FROM facts"
    one: tuple[str, ...] = ()
    if host is not None:
        all_rows, newest, one = all_rows + " WHERE name=?", newest + " WHERE host=?", (host,)
    found: dict[str, dict[str, Any]] = {row["name"]: dict(row) for row in db.rows(all_rows, one)}
    for row in db.rows(newest + " GROUP BY host", one):
        found.setdefault(row["host"], {}).update(facts=load(row["data"]), facts_time=when(row["time"]))
    live = [state for state in _LIVE if state != states.PAUSED]
    counted = db.rows(
        "SELECT host, count(*) AS n FROM jobs WHERE removed=0"  # noqa: S608
        f" AND state IN ({','.join('?' * len(live))}) GROUP BY host",
        live,
    )
    for row in counted:
        found.setdefault(row["host"], {})["active"] = row["n"]
    return found


def facts(db: Reader, host: str) -> dict[str, Any] | None:
    """The newest probe of a host."""
    row = db.row("SELECT data FROM facts WHERE host=? ORDER BY time DESC LIMIT 1", (host,))
    value = load(row["data"]) if row else None
    return value if isinstance(value, dict) else None


def on_host(db: Reader, host: str, digest: str, name: str) -> bool:
    """Whether a snapshot is known to be on a host."""
    return db.row("SELECT 1 FROM data_on_hosts WHERE host=? AND name=? AND digest=?", (host, name, digest)) is not None


def failed_submit(db: Reader, ref: str) -> dict[str, Any] | None:
    """Why a submit of this id or name came to nothing, if one did."""
    for row in db.rows("SELECT params, error FROM intents WHERE kind='submit' AND state='failed' ORDER BY rowid DESC"):
        params = load(row["params"]) or {}
        if ref in (params.get("spec", {}).get("job"), params.get("spec", {}).get("name")):
            error = load(row["error"])
            return error if isinstance(error, dict) else {}
    return None


def _submits(db: Reader, job: str | None) -> list[dict[str, Any]]:
    rows = db.rows(
        "SELECT params, state, error FROM intents WHERE kind='submit' AND state IN ('pending','doing')"
        " AND (?1 IS NULL OR job_id=?1) AND job_id NOT IN (SELECT id FROM jobs) ORDER BY rowid",
        (job,),
    )
    return [params for row in rows if isinstance(params := load(row["params"]), dict) and "spec" in params]


def _submitted(db: Reader, job: str | None = None) -> list[Job]:
    """Jobs whose intent the controller has not taken yet: all, or the one of this id."""
    from datetime import datetime, timezone

    found = []
    for params in _submits(db, job):
        spec = params["spec"]
        found.append(
            Job(
                id=spec["job"],
                name=spec["name"],
                host=params["host"],
                kind=spec["kind"],
                state=states.QUEUED,
                owner=spec["owner"],
                recipe=params.get("recipe_name") or " ".join(spec.get("argv") or ()) or None,
                method=(spec.get("recipe") or {}).get("method"),
                created_at=datetime.fromtimestamp(spec.get("created_at") or 0, timezone.utc),
                priority=spec.get("priority") or 0,
            )
        )
    return found


def _remembered(rows: list[sqlite3.Row], memo: JobMemo) -> list[Job]:
    """The jobs of `rows`, made anew only where a row is another; `memo` then holds these, and no others."""
    known = memo.copy()
    memo.clear()
    for row in rows:
        values = tuple(row)
        before = known.get(row["id"])
        memo[row["id"]] = before if before is not None and before[0] == values else (values, _job(row))
    return [job for _, job in memo.values()]


def _job(row: sqlite3.Row) -> Job:
    return Job(
        **{key: row[key] for key in _PLAIN},
        created_at=when(row["created_at"]),
        started_at=when(row["started_at"]),
        finished_at=when(row["finished_at"]),
        waits=load(row["waits"]),
        retry_at=when(row["retry_at"]),
    )


def _checkpoint(row: sqlite3.Row) -> Checkpoint:
    from .details import Checkpoint

    return Checkpoint(
        attempt=row["attempt"],
        name=row["name"],
        kind=row["kind"],
        step=row["step"],
        metric=row["metric"],
        best=bool(row["best"]),
        resumable=bool(row["resumable"]),
        size=row["size"],
        created_at=when(row["created_at"]),
        host_state=row["host_state"],
        pull_state=row["pull_state"],
        path=Path(row["path"]) if row["path"] else None,
        error=load(row["error"]),
    )
