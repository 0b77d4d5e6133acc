"""Checkpoints as the hosts report them, and how far each has come home."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import Manifest, from_dict, to_dict

from .times import iso, now

WAITING = ("pending", "pulling")
# What may be otherwise next time: a connection, a disk.
PASSING = {"host_unreachable", "transfer_failed", "disk_full", "too_many_sessions", "command_timeout", "pull_failed"}


def add(
    db: sqlite3.Connection, job: str, attempt: int, manifest: Manifest, which: str | None, clock: float
) -> str | None:
    """Records a checkpoint once; what the policy `which` wants comes home. Its pull state, or None if known already."""
    known = db.execute(
        "SELECT 1 FROM checkpoints WHERE job_id=? AND attempt=? AND name=?", (job, attempt, manifest.name)
    ).fetchone()
    if known is not None:
        return None
    state = "pending" if wanted(manifest, which) else "none"
    if state == "pending" and (which != "all" or manifest.kind == "files") and manifest.kind in ("checkpoint", "files"):
        # After days away many come at once, in the order of their names: a newer one may be here already.
        at = (attempt, manifest.step or 0)
        newer = db.execute(
            "SELECT 1 FROM checkpoints WHERE job_id=? AND kind=? AND pull_state IN ('pending','pulling','pulled')"
            " AND asked=0 AND (attempt, coalesce(step, 0)) > (?,?)",
            (job, manifest.kind, *at),
        ).fetchone()
        if newer is not None:
            state = "skipped"
        db.execute(
            "UPDATE checkpoints SET pull_state='skipped' WHERE job_id=? AND kind=? AND pull_state='pending' AND asked=0"
            " AND (attempt, coalesce(step, 0)) <= (?,?)",
            (job, manifest.kind, *at),
        )
    db.execute(
        "INSERT INTO checkpoints (job_id, attempt, name, kind, step, metric, best, resumable, size, created_at,"
        " pull_state, manifest) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
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
            iso(manifest.created_at + clock) if manifest.created_at else now(),
            state,
            json.dumps(to_dict(manifest)),
        ),
    )
    sum_up(db, job)
    return state


def wanted(manifest: Manifest, which: str | None) -> bool:
    """Whether the pull policy `last`, `best`, `all` or `none` brings this one home. `last` takes each as it comes."""
    if which == "none":
        return False
    if manifest.kind in ("final", "files", "trackers") or which in (None, "all", "last"):
        return True
    return manifest.best


def gone(db: sqlite3.Connection, job: str, attempt: int, name: str) -> None:
    """The host has rotated it away. What waited for a pull is skipped; a newer one stands for it."""
    db.execute(
        "UPDATE checkpoints SET host_state='rotated',"
        " pull_state = CASE WHEN pull_state IN ('pending','pulling','failed') THEN 'skipped' ELSE pull_state END"
        " WHERE job_id=? AND attempt=? AND name=?",
        (job, attempt, name),
    )
    sum_up(db, job)


def request(db: sqlite3.Connection, job: str, names: list[str] | None) -> int:
    """Marks checkpoints for a pull: those named, or whatever is on the host and not yet home. How many.

    Raises LtError `no_such_checkpoint` for a name that the job has not, `checkpoint_gone` for one the host rotated.
    """
    rows = db.execute(
        "SELECT attempt, name, host_state, pull_state FROM checkpoints WHERE job_id=? ORDER BY attempt, step", (job,)
    ).fetchall()
    if names is not None:
        for name in names:
            found = [row for row in rows if row[1] == name]
            if not found:
                raise LtError("no_such_checkpoint", name=name, known=[row[1] for row in rows])
            if not any(row[2] == "present" or row[3] == "pulled" for row in found):
                raise LtError("checkpoint_gone", name=name)
    marked = 0
    for attempt, name, host_state, pull_state in rows:
        if host_state == "present" and pull_state not in ("pulled", *WAITING) and (names is None or name in names):
            set_pull(db, job, attempt, name, "pending")
            if names is not None:  # by name: no policy passes it over or replaces it at home
                db.execute(
                    "UPDATE checkpoints SET asked=1 WHERE job_id=? AND attempt=? AND name=?", (job, attempt, name)
                )
            marked += 1
    return marked


def set_pull(
    db: sqlite3.Connection,
    job: str,
    attempt: int,
    name: str,
    state: str,
    path: str | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    """Moves one checkpoint along `none → pending → pulling → pulled | failed`; what was rotated waits no more."""
    db.execute(
        "UPDATE checkpoints SET pull_state = CASE WHEN host_state='rotated' AND ?1 IN ('pending','failed')"
        " THEN 'skipped' ELSE ?1 END, path=coalesce(?2, path), error=?3 WHERE job_id=?4 AND attempt=?5 AND name=?6",
        (state, path, json.dumps(error, ensure_ascii=False) if error else None, job, attempt, name),
    )
    sum_up(db, job)


def try_again(db: sqlite3.Connection, host: str) -> None:
    """The host is reached anew: what failed for a reason that may have passed is to come home again."""
    rows = db.execute(
        "SELECT c.job_id, c.attempt, c.name, c.error FROM checkpoints c"
        " JOIN attempts a ON a.job_id = c.job_id AND a.attempt = c.attempt"
        " WHERE c.pull_state='failed' AND c.host_state='present' AND a.host=?",
        (host,),
    ).fetchall()
    for job, attempt, name, error in rows:
        if json.loads(error or "{}").get("code") in PASSING:
            set_pull(db, job, attempt, name, "pending")


def stepped_aside(db: sqlite3.Connection, job: str, attempt: int, path: str, to: str) -> None:
    """What this attempt has at home under `path` is, or is about to be, under `to`."""
    db.execute("UPDATE checkpoints SET path=? WHERE job_id=? AND attempt=? AND path=?", (to, job, attempt, path))


def superseded(db: sqlite3.Connection, job: str, attempt: int, name: str, which: str | None) -> list[str]:
    """Marks what the newly pulled checkpoint replaces at home (policies `last` and `best`); the paths of those.

    Older is what has fewer steps, or is of an earlier attempt: the hosts' clocks may jump.
    """
    rows = db.execute(
        "SELECT c.attempt, c.name, c.path FROM checkpoints c, checkpoints new"
        " WHERE new.job_id=?1 AND new.attempt=?2 AND new.name=?3 AND c.job_id=?1 AND c.kind='checkpoint'"
        " AND c.pull_state='pulled' AND c.asked=0"
        " AND (c.attempt, coalesce(c.step, 0)) < (new.attempt, coalesce(new.step, 0))",
        (job, attempt, name),
    ).fetchall()
    if which != "best":  # `last` keeps the best as well: it may be what the person wants in the end
        best = db.execute(
            "SELECT attempt, name FROM checkpoints WHERE job_id=? AND best=1 ORDER BY attempt DESC, step DESC LIMIT 1",
            (job,),
        ).fetchone()
        rows = [row for row in rows if (row[0], row[1]) != best]
    db.executemany(
        "UPDATE checkpoints SET pull_state='skipped', path=NULL WHERE job_id=? AND attempt=? AND name=?",
        [(job, row[0], row[1]) for row in rows],
    )
    return [row[2] for row in rows if row[2]]


def next_pull(db: sqlite3.Connection, host: str, passed_over: set[tuple[str, int, str]]) -> dict[str, Any] | None:
    """The next checkpoint to pull from `host`: those that a lease's end asked for, final ones, then the newest."""
    rows = db.execute(
        "SELECT c.job_id, c.attempt, c.name, c.kind, c.manifest, j.name, j.pull FROM checkpoints c"
        " JOIN attempts a ON a.job_id = c.job_id AND a.attempt = c.attempt JOIN jobs j ON j.id = c.job_id"
        " WHERE a.host=? AND c.pull_state IN ('pending','pulling') AND c.host_state='present' AND j.removed=0"
        " ORDER BY c.created_at >= a.rescued DESC, c.kind='final' DESC, c.created_at DESC",
        (host,),
    ).fetchall()
    for job, attempt, name, kind, manifest, job_name, pull in rows:
        if (job, attempt, name) not in passed_over:
            return {
                "job": job,
                "attempt": attempt,
                "name": name,
                "kind": kind,
                "manifest": from_dict(Manifest, json.loads(manifest)),
                "job_name": job_name,
                "which": json.loads(pull).get("which"),
            }
    return None


def urgent(db: sqlite3.Connection, host: str) -> set[tuple[str, int, str]]:
    """(job, attempt, name) of those that `next_pull` takes before all others: the end of a lease has asked for them."""
    rows = db.execute(
        "SELECT c.job_id, c.attempt, c.name FROM checkpoints c"
        " JOIN attempts a ON a.job_id=c.job_id AND a.attempt=c.attempt JOIN jobs j ON j.id=c.job_id"
        " WHERE a.host=? AND c.pull_state IN ('pending','pulling') AND c.host_state='present' AND j.removed=0"
        " AND c.created_at >= a.rescued",
        (host,),
    )
    return {(row[0], row[1], row[2]) for row in rows}


def wait_on(db: sqlite3.Connection, host: str) -> bool:
    """Whether `next_pull` would find any."""
    row = db.execute(
        "SELECT 1 FROM checkpoints c JOIN attempts a ON a.job_id=c.job_id AND a.attempt=c.attempt"
        " JOIN jobs j ON j.id=c.job_id WHERE a.host=? AND c.pull_state IN ('pending','pulling')"
        " AND c.host_state='present' AND j.removed=0 LIMIT 1",
        (host,),
    ).fetchone()
    return row is not None


def names(db: sqlite3.Connection, job: str, attempt: int) -> list[str]:
    """The manifests of an attempt that are known here."""
    rows = db.execute("SELECT name FROM checkpoints WHERE job_id=? AND attempt=?", (job, attempt))
    return [row[0] for row in rows]


def not_home(db: sqlite3.Connection, job: str) -> list[str]:
    """Checkpoints that are on the host and that no verified pull has brought, meant to come home or not."""
    rows = db.execute(
        "SELECT name FROM checkpoints WHERE job_id=? AND host_state='present' AND pull_state!='pulled'", (job,)
    )
    return [row[0] for row in rows]


def cleared(db: sqlite3.Connection, job: str) -> None:
    """The host has nothing of the job any more."""
    db.execute("UPDATE checkpoints SET host_state='rotated' WHERE job_id=?", (job,))


def only_on_host(db: sqlite3.Connection, job: str) -> list[str]:
    """Checkpoints that the host still holds, that were meant to come home, and that no verified pull has brought."""
    rows = db.execute(
        "SELECT name FROM checkpoints WHERE job_id=? AND host_state='present'"
        " AND pull_state IN ('pending','pulling','failed')",
        (job,),
    )
    return [row[0] for row in rows]


def sum_up(db: sqlite3.Connection, job: str) -> None:
    """Writes into the job's row how far its checkpoints have come home, all together."""
    found = {row[0] for row in db.execute("SELECT DISTINCT pull_state FROM checkpoints WHERE job_id=?", (job,))}
    for state in ("pulling", "pending", "failed", "pulled"):
        if state in found:
            break
    else:
        state = "none"
    db.execute("UPDATE jobs SET pull_state=? WHERE id=?", (state, job))


def hosts_waiting(db: sqlite3.Connection) -> set[str]:
    """The hosts that hold checkpoints which are to come home."""
    rows = db.execute(
        "SELECT DISTINCT a.host FROM checkpoints c JOIN attempts a ON a.job_id=c.job_id AND a.attempt=c.attempt"
        " JOIN jobs j ON j.id=c.job_id"
        " WHERE c.pull_state IN ('pending','pulling') AND c.host_state='present' AND j.removed=0"
    )
    return {row[0] for row in rows}
