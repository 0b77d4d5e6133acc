"""Intents: what a person asked for, written by the client, carried out and closed by the controller."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from lt_agent.protocol.errors import LtError

from . import audit
from .times import now

AUDITED = ("recover", "retire", "relocate")  # of these the audit has, beside the wish, what became of it
TOLD = 100  # ids of jobs in such a row


class Intent(NamedTuple):
    """One request. `job` is empty for a submit, which makes its job."""

    id: str
    kind: str
    job: str
    params: dict[str, Any]


def pending_submits(db: sqlite3.Connection) -> list[Intent]:
    """Submits that have not become jobs yet, in the order in which they were made."""
    return _intents(db.execute(f"{_SELECT} WHERE state='pending' AND kind='submit' ORDER BY i.rowid"))


def pending_on(db: sqlite3.Connection, host: str) -> list[Intent]:
    """What is asked of the jobs whose newest attempt is on `host`."""
    where = "JOIN jobs j ON j.id=i.job_id WHERE i.state='pending' AND i.kind NOT IN ('submit', 'relocate') AND j.host=?"
    return _intents(db.execute(f"{_SELECT} {where} ORDER BY i.rowid", (host,)))


def pending_recovers(db: sqlite3.Connection, host: str) -> list[Intent]:
    """What is to be recovered from, or adopted on, a host."""
    where = "WHERE i.state='pending' AND i.kind='recover' AND json_extract(i.params, '$.host')=?"
    return _intents(db.execute(f"{_SELECT} {where} ORDER BY i.rowid", (host,)))


def is_pending(db: sqlite3.Connection, intent: str) -> bool:
    """Whether it is still to be carried out. Between a look and the act a host may be given up, or a job adopted."""
    return db.execute("SELECT 1 FROM intents WHERE id=? AND state='pending'", (intent,)).fetchone() is not None


def hosts_asked(db: sqlite3.Connection) -> set[str]:
    """The hosts that requests are pending for."""
    rows = db.execute(
        "SELECT DISTINCT j.host FROM intents i JOIN jobs j ON j.id = i.job_id"
        " WHERE i.state='pending' AND i.kind NOT IN ('submit', 'relocate')"  # those need no host
        " UNION SELECT json_extract(params, '$.host') FROM intents"
        " WHERE state='pending' AND kind IN ('recover', 'fence')"
    )
    return {row[0] for row in rows}


def done(db: sqlite3.Connection, intent: str) -> None:
    """It has been carried out."""
    db.execute("UPDATE intents SET state='done', error=NULL, done_at=? WHERE id=?", (now(), intent))
    _tell(db, intent, "done", {})


def done_with(db: sqlite3.Connection, intent: str, result: dict[str, Any]) -> None:
    """It has been carried out, and `result` is what whoever asked wants to know."""
    text = json.dumps(result)
    db.execute("UPDATE intents SET params=json_set(params, '$.result', json(?)) WHERE id=?", (text, intent))
    done(db, intent)


def failed(db: sqlite3.Connection, intent: str, error: LtError) -> None:
    """It can't be carried out, and why."""
    db.execute(
        "UPDATE intents SET state='failed', error=?, done_at=? WHERE id=?",
        (json.dumps(error.as_dict(), ensure_ascii=False), now(), intent),
    )
    _tell(db, intent, "failed", {"error": error.as_dict()})


def _tell(db: sqlite3.Connection, intent: str, outcome: str, more: dict[str, Any]) -> None:
    """What became of a wish that changes whose a job is or where it runs: a row of the audit, by the controller."""
    row = db.execute(
        "SELECT i.kind, i.params, j.name FROM intents i LEFT JOIN jobs j ON j.id=i.job_id WHERE i.id=?", (intent,)
    ).fetchone()
    if row is None or row[0] not in AUDITED:
        return
    params = json.loads(row[1])
    host = str(params.get("host") or "")
    told = {"intent": intent, "outcome": outcome, "host": host, "by": params.get("by"), **more}
    asked = {key: params[key] for key in ("jobs", "owners", "all") if params.get(key)}
    result = params.get("result")
    if isinstance(result, dict):
        fresh = result.get("fresh") or []
        asked["result"] = {**result, "fresh": fresh[:TOLD], "fresh_count": len(fresh)}
    audit.record(db, "controller", f"{row[0]} {outcome}", row[2] or host, {**told, **asked})


_SELECT = "SELECT i.id, i.kind, coalesce(i.job_id, ''), i.params FROM intents i"


def _intents(rows: sqlite3.Cursor) -> list[Intent]:
    return [Intent(row[0], row[1], row[2], json.loads(row[3])) for row in rows.fetchall()]
