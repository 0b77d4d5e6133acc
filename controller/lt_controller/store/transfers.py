"""Transfers as they go, for progress bars."""

from __future__ import annotations

import sqlite3

from .times import now

KEPT = 1000  # transfers that have ended: what older ones did is in events and checkpoints


def begin(
    db: sqlite3.Connection, transfer: str, job: str | None, host: str, direction: str, what: str, total: int
) -> None:
    """A push or pull begins; `total` in bytes."""
    db.execute(
        "INSERT OR REPLACE INTO transfers (id, job_id, host, direction, what, total, started_at, updated_at, state)"
        " VALUES (?,?,?,?,?,?,?,?,'running')",
        (transfer, job, host, direction, what, total, now(), now()),
    )
    db.execute(
        "DELETE FROM transfers WHERE state!='running'"
        " AND id < (SELECT id FROM transfers ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (KEPT,),
    )


def progress(db: sqlite3.Connection, transfer: str, done: int, files: int) -> None:
    """How far it is, in bytes and files."""
    db.execute("UPDATE transfers SET done=?, files=?, updated_at=? WHERE id=?", (done, files, now(), transfer))


def end(db: sqlite3.Connection, transfer: str, state: str) -> None:
    """`done` or `failed`."""
    db.execute("UPDATE transfers SET state=?, updated_at=? WHERE id=?", (state, now(), transfer))


def forget_running(db: sqlite3.Connection) -> None:
    """At the controller's start: what an earlier one had under way is under way no more."""
    db.execute("UPDATE transfers SET state='failed', updated_at=? WHERE state='running'", (now(),))
