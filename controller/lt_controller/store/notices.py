"""The outbox of what people are to be told. Every function runs in the writer's transaction.

Something becomes a notice in the transaction that marks it as looked at, so it is noticed once, whenever the controller
dies. A delivery is marked after it was made: one that is cut down in between is made again (at least once).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from .times import epoch, iso, now

KEPT = 1000  # notices; what older ones told is in events
PATIENT = 12  # tries; with their pauses about an hour
BATCH = 500  # looked at in one transaction
OLD = 7 * 86400.0  # seconds after which an end is no news any more
# As in the partial index `events_to_tell`, to the letter.
_EVENTS = (
    "('hang','disk_low','loss_spike','loss_plateau','kl_high','reward_collapse','reward_flat','lease_short',"
    "'lease_over','lease_unsaved')"
)
_KIND_OF = {"hang": "stall", "lease_short": "lease", "lease_over": "lease", "lease_unsaved": "lease"}  # else a sign

COLUMNS = "n.id, n.kind, n.code, n.job, n.job_id, n.attempt, n.host, n.recipe, n.params, n.time, n.created_at"

#: (kind, host, recipe, job) → the names of the channels that are to be told.
Wanting = Callable[[str, str, str, str], Iterable[str]]


class Notice(NamedTuple):
    """Something to tell. `code` is a state of a job, the code of an event, `lease` or `unreachable`."""

    id: int
    kind: str
    code: str
    job: str  # its name
    job_id: str
    attempt: int
    host: str
    recipe: str
    params: dict[str, Any]
    time: str  # when it happened
    created_at: str


class Pending(NamedTuple):
    """A notice that a channel has not told yet."""

    channel: str
    notice: Notice
    tries: int
    due_at: str | None


def waiting(db: sqlite3.Connection) -> bool:
    """Whether anything has happened that nobody has looked at."""
    return (
        db.execute("SELECT 1 FROM attempts WHERE exit IS NOT NULL AND told=0 LIMIT 1").fetchone() is not None
        or db.execute(f"SELECT 1 FROM events WHERE told=0 AND code IN {_EVENTS} LIMIT 1").fetchone() is not None  # noqa: S608
    )


def collect(db: sqlite3.Connection, wanting: Wanting) -> int:
    """Makes notices of what has happened since the last look; how many things were looked at."""
    return _ends(db, wanting) + _events(db, wanting)


def _ends(db: sqlite3.Connection, wanting: Wanting) -> int:
    rows = db.execute(
        "SELECT a.job_id, a.attempt, a.host, a.exit, a.finished_at, a.started_at, a.tell_from, j.name, j.recipe,"
        " j.attempt, j.step, j.total_steps, j.message, j.state FROM attempts a JOIN jobs j ON j.id=a.job_id"
        " WHERE a.exit IS NOT NULL AND a.told=0 ORDER BY a.finished_at LIMIT ?",
        (BATCH,),
    ).fetchall()
    for job, attempt, host, text, finished, started, since, name, recipe, newest, step, total, message, state in rows:
        db.execute("UPDATE attempts SET told=1 WHERE job_id=? AND attempt=?", (job, attempt))
        record = json.loads(text)
        when = finished or now()
        kind = _kind(record, newest > attempt or state not in states.RESTING)
        if kind is None or (since and when < since) or epoch(now()) - epoch(when) > OLD:
            continue
        params = {"state": record.get("state"), "reason": record.get("reason"), "exit_code": record.get("exit_code")}
        params |= {"step": step, "total": total, "message": message if newest == attempt else record.get("message")}
        params["seconds"] = epoch(when) - epoch(started) if started else None
        if kind == "retry":
            params["try"] = (record.get("retry") or {}).get("tried")
        key = f"{'retry' if kind == 'retry' else 'end'}:{job}:{attempt}"
        add(db, wanting, key, kind, str(record.get("state")), when, params, (job, name, attempt, host, recipe or ""))
    return len(rows)


def _kind(record: dict[str, Any], followed: bool) -> str | None:
    state, reason = record.get("state"), record.get("reason")
    if state == states.PAUSED or reason == states.MOVED:
        return None
    if followed and record.get("retry"):
        return "retry"
    if state in (states.SUCCEEDED, states.LOST):
        return str(state)
    return "stopped" if state == states.CANCELLED else "failed"


def _events(db: sqlite3.Connection, wanting: Wanting) -> int:
    rows = db.execute(
        "SELECT e.rowid, e.job_id, e.attempt, e.seq, e.code, e.params, e.time, e.host, j.name, j.recipe, a.tell_from"  # noqa: S608
        " FROM events e LEFT JOIN jobs j ON j.id=e.job_id"
        " LEFT JOIN attempts a ON a.job_id=e.job_id AND a.attempt=e.attempt"
        f" WHERE e.told=0 AND e.code IN {_EVENTS} LIMIT ?",
        (BATCH,),
    ).fetchall()
    for row, job, attempt, seq, code, params, when, host, name, recipe, since in rows:
        db.execute("UPDATE events SET told=1 WHERE rowid=?", (row,))
        if name is None or (since and when < since) or epoch(now()) - epoch(when) > OLD:
            continue
        kind = _KIND_OF.get(code, "sign")
        about = (job, name, attempt, host or "", recipe or "")
        add(db, wanting, f"event:{job}:{attempt}:{seq}", kind, code, when, json.loads(params), about)
    return len(rows)


def add(
    db: sqlite3.Connection,
    wanting: Wanting,
    key: str,
    kind: str,
    code: str,
    when: str,
    params: dict[str, Any],
    about: tuple[str | None, str, int | None, str, str],
) -> bool:
    """A notice and its deliveries; False if it was there already, or nobody wants it. `about`: job, name, attempt,
    host and recipe."""
    job, name, attempt, host, recipe = about
    channels = list(wanting(kind, host, recipe, name))
    if not channels:
        return False
    done = db.execute(
        "INSERT OR IGNORE INTO notices (key, kind, code, job_id, job, attempt, host, recipe, params, time, created_at)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (key, kind, code, job, name, attempt, host, recipe, json.dumps(params, ensure_ascii=False), when, now()),
    )
    if not done.rowcount:
        return False
    rows = [(done.lastrowid, channel) for channel in channels]
    db.executemany("INSERT INTO deliveries (notice, channel) VALUES (?,?)", rows)
    return True


def live_jobs(db: sqlite3.Connection) -> dict[str, int]:
    """Per host, the jobs of ours that have not ended there."""
    rows = db.execute(
        "SELECT a.host, count(DISTINCT a.job_id) FROM attempts a JOIN jobs j ON j.id=a.job_id"
        " WHERE a.exit IS NULL AND j.removed=0 AND j.adopted_by IS NULL GROUP BY a.host"
    )
    return {row[0]: int(row[1]) for row in rows}


def away(db: sqlite3.Connection) -> dict[str, tuple[str, str | None]]:
    """Per host, how it answers and when it was last seen."""
    return {row[0]: (row[1], row[2]) for row in db.execute("SELECT name, state, last_seen FROM hosts")}


def pending(db: sqlite3.Connection) -> list[Pending]:
    """What is still to be told, oldest first; of very much what is due soonest, or one channel would starve all."""
    rows = db.execute(
        f"SELECT d.channel, d.tries, d.due_at, {COLUMNS} FROM deliveries d JOIN notices n ON n.id=d.notice"  # noqa: S608
        " WHERE d.state='pending' ORDER BY coalesce(d.due_at, ''), n.id LIMIT ?",
        (4 * BATCH,),
    )
    return sorted((Pending(row[0], notice_of(row[3:]), *row[1:3]) for row in rows), key=lambda item: item.notice.id)


def notice_of(row: Sequence[Any]) -> Notice:
    """From the columns of `COLUMNS`."""
    number, kind, code, job, job_id, attempt, host, recipe, params, when, created = row
    parts = (job or "", job_id or "", int(attempt or 0), host or "", recipe or "")
    return Notice(number, kind, code, *parts, json.loads(params), when, created)


def sent(db: sqlite3.Connection, channel: str, ids: list[int]) -> None:
    """The channel has taken them."""
    rows = [(now(), number, channel) for number in ids]
    db.executemany(
        "UPDATE deliveries SET state='sent', tries=tries+1, done_at=?, due_at=NULL, error=NULL"
        " WHERE notice=? AND channel=?",
        rows,
    )
    db.execute(
        "DELETE FROM notices WHERE id < (SELECT id FROM notices ORDER BY id DESC LIMIT 1 OFFSET ?)"
        " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.notice=notices.id AND d.state='pending')",
        (KEPT - 1,),
    )


def missed(db: sqlite3.Connection, channel: str, ids: list[int], error: LtError, due: float | None) -> None:
    """The channel did not take them; the next try is at `due` (seconds since the epoch), None: there is none."""
    text = json.dumps(error.as_dict(), ensure_ascii=False)
    state, when = ("pending", iso(due)) if due is not None else ("failed", None)
    db.executemany(
        "UPDATE deliveries SET state=?, tries=tries+1, due_at=?, done_at=?, error=?"
        " WHERE notice=? AND channel=? AND state='pending'",
        [(state, when, None if due is not None else now(), text, number, channel) for number in ids],
    )


def secrets_given(db: sqlite3.Connection, names: Collection[str]) -> None:
    """What could not be told for want of one of these secrets is due now, with all its tries before it."""
    rows = db.execute(
        "SELECT error, notice, channel FROM deliveries WHERE state='pending' AND error LIKE '%notify_no_secret%'"
    ).fetchall()
    wanting = [row for row in rows if not set(names).isdisjoint(json.loads(row[0])["params"].get("names", ()))]
    db.executemany(
        "UPDATE deliveries SET tries=0, due_at=NULL WHERE notice=? AND channel=?", [row[1:] for row in wanting]
    )


def drop_unknown(db: sqlite3.Connection, channels: list[str]) -> None:
    """What was for channels that are no longer there is not told."""
    marks = ",".join("?" * len(channels))
    db.execute(
        f"UPDATE deliveries SET state='dropped', done_at=? WHERE state='pending' AND channel NOT IN ({marks})",  # noqa: S608
        (now(), *channels),
    )
