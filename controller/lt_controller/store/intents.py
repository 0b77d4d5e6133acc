"""Intents: what a person asked for, written by the client, carried out and closed by the controller."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from lt_agent.protocol.errors import LtError

from .times import now


def pending(db: sqlite3.Connection) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    """(id, kind, job, params), in the order in which they were made."""
    rows = db.execute(
        "SELECT id, kind, job_id, params FROM intents WHERE state IN ('pending','doing') ORDER BY rowid"
    ).fetchall()
    return [(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def done(db: sqlite3.Connection, intent: str) -> None:
    """It has been carried out."""
    db.execute("UPDATE intents SET state='done', error=NULL, done_at=? WHERE id=?", (now(), intent))


def failed(db: sqlite3.Connection, intent: str, error: LtError) -> None:
    """It can't be carried out, and why."""
    db.execute(
        "UPDATE intents SET state='failed', error=?, done_at=? WHERE id=?",
        (json.dumps(error.as_dict(), ensure_ascii=False), now(), intent),
    )
