"""The ends of leases in the mirror: checkpoints that were asked for because of one, and what is to be said of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lt_agent.protocol import states

from ..pace import seconds_left
from . import checkpoints, jobs
from .times import iso

ASKED = frozenset({"lease_save", "lease_collect"})  # the host's events
SLACK = 1.0  # seconds by which the clock difference may be measured differently from one connection to the next
FEWEST = 5  # logged steps from which the end of a job is told: the first ones are slow


def asked(db: sqlite3.Connection, job: str, attempt: int, host: str, when: float) -> None:
    """The host has asked for a checkpoint, `when` by our clock: what is made from then on comes home, and first.

    A host of which we know no end of a lease is not believed: it could have anything fetched.
    """
    row = db.execute("SELECT data FROM host_history WHERE host=? AND till IS NULL", (host,)).fetchone()
    if row is None or not json.loads(row[0]).get("until"):
        return
    db.execute(
        "UPDATE attempts SET rescued=max(?, coalesce(rescued, '')) WHERE job_id=? AND attempt=?",
        (iso(when - SLACK), job, attempt),
    )
    for (name,) in db.execute("SELECT name FROM checkpoints WHERE job_id=? AND attempt=?", (job, attempt)).fetchall():
        bring_home(db, job, attempt, name)


def bring_home(db: sqlite3.Connection, job: str, attempt: int, name: str) -> None:
    """Has a checkpoint come home, whatever the policy, if it was made after the lease's end asked for one."""
    changed = db.execute(
        "UPDATE checkpoints SET pull_state='pending', asked=1 WHERE job_id=?1 AND attempt=?2 AND name=?3"
        " AND host_state='present' AND pull_state IN ('none','skipped')"
        " AND created_at >= (SELECT rescued FROM attempts WHERE job_id=?1 AND attempt=?2)",
        (job, attempt, name),
    )
    if changed.rowcount:
        checkpoints.sum_up(db, job)


class News(NamedTuple):
    """An event that is due. It is said once for each value of `key`, which is one of its parameters."""

    job: str
    attempt: int
    host: str
    code: str
    key: str
    params: dict[str, Any]


def news(db: sqlite3.Connection, ends: Mapping[str, float], now: float, paces: bool) -> list[News]:
    """What is to be said of jobs that run on hosts whose leases end then (seconds since the epoch).

    `lease_saved`: the checkpoint that was asked for is at home. `lease_over`, `lease_unsaved`: the lease is over, the
    job had not ended, and this, or nothing, of it is at home.
    `lease_short`, looked for with `paces`: the job will not be done by then.
    """
    rows = db.execute(
        "SELECT a.job_id, a.attempt, a.host, a.rescued, j.total_steps FROM attempts a JOIN jobs j ON j.id=a.job_id"
        " WHERE a.exit IS NULL AND a.state=? AND j.removed=0 AND j.adopted_by IS NULL AND a.fenced=0",
        (states.RUNNING,),
    ).fetchall()
    found: list[News] = []
    for job, attempt, host, rescued, total in rows:
        if host not in ends:
            continue
        if rescued is not None and (home := _at_home(db, job, attempt, rescued)):
            found.append(News(job, attempt, host, "lease_saved", "asked", {"asked": rescued, **home}))
        until = iso(ends[host])
        if ends[host] <= now:
            home = _at_home(db, job)
            code = "lease_over" if home else "lease_unsaved"
            found.append(News(job, attempt, host, code, "until", {"until": until, **(home or {})}))
        elif paces and (needs := _needs(db, job, attempt, total)) is not None and now + needs > ends[host]:
            told = {"until": until, "left": round(ends[host] - now), "needs": round(needs)}
            found.append(News(job, attempt, host, "lease_short", "until", told))
    return [item for item in found if not _was_said(db, item)]


def say(db: sqlite3.Connection, items: Iterable[News]) -> None:
    """Writes the events."""
    for item in items:
        if not _was_said(db, item):
            jobs.add_event(db, item.job, item.attempt, item.host, item.code, {**item.params, "host": item.host})


def _was_said(db: sqlite3.Connection, item: News) -> bool:
    row = db.execute(
        "SELECT 1 FROM events WHERE job_id=? AND attempt=? AND seq<0 AND code=? AND json_extract(params, ?)=?",
        (item.job, item.attempt, item.code, f"$.{item.key}", item.params[item.key]),
    ).fetchone()
    return row is not None


def _at_home(db: sqlite3.Connection, job: str, attempt: int | None = None, since: str = "") -> dict[str, Any] | None:
    """The newest checkpoint at home; of this attempt, made `since` then."""
    row = db.execute(
        "SELECT name, step FROM checkpoints WHERE job_id=?1 AND (?2 IS NULL OR attempt=?2) AND created_at>=?3"
        " AND pull_state='pulled' AND kind!='trackers' ORDER BY attempt DESC, created_at DESC LIMIT 1",
        (job, attempt, since),
    ).fetchone()
    return {"name": row[0], "step": row[1]} if row else None


def _needs(db: sqlite3.Connection, job: str, attempt: int, total: int | None) -> float | None:
    points = db.execute(
        "SELECT step, time FROM metrics WHERE job_id=? AND attempt=? AND name='loss' AND time IS NOT NULL"
        " ORDER BY step DESC LIMIT 20",
        (job, attempt),
    ).fetchall()
    return seconds_left(points, total) if len(points) >= FEWEST else None
