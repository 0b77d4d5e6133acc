"""What is known of hosts: reachability (an attribute of a host, never of a job), facts, and what data they hold."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from lt_agent.protocol.errors import LtError

from . import history
from .times import epoch, iso, now

KEPT_FACTS = 50  # probes kept for each host


def set_activity(db: sqlite3.Connection, host: str, state: str, activity: str | None = None) -> None:
    """`unknown`, `connecting`, `reachable`, `unreachable` or `refused`, and in a word what is being done."""
    db.execute(
        "INSERT INTO hosts (name, state, activity) VALUES (?,?,?)"
        " ON CONFLICT (name) DO UPDATE SET state=excluded.state, activity=excluded.activity",
        (host, state, activity),
    )


def reached(db: sqlite3.Connection, host: str, agent: str | None, clock_offset: float) -> None:
    """The bridge has answered. Failures are forgotten by `seen` alone: a host that falls again at once backs off."""
    set_activity(db, host, "reachable")
    db.execute(
        "UPDATE hosts SET error=NULL, next_try_at=NULL, last_seen=?, agent=?, clock_offset=? WHERE name=?",
        (now(), agent, clock_offset, host),
    )


def seen(db: sqlite3.Connection, host: str) -> None:
    """A sign of life on a connection that has stood for a while."""
    db.execute("UPDATE hosts SET last_seen=?, failures=0 WHERE name=?", (now(), host))


def missed(db: sqlite3.Connection, host: str, error: LtError, state: str, next_try: float) -> None:
    """A connection failed; the next try is at `next_try`, also for a controller that is started meanwhile."""
    set_activity(db, host, state)
    db.execute(
        "UPDATE hosts SET error=?, failures=failures+1, next_try_at=? WHERE name=?",
        (json.dumps(error.as_dict(), ensure_ascii=False), iso(next_try), host),
    )


def backoff(db: sqlite3.Connection, host: str) -> tuple[int, float]:
    """(failures so far, when the next try is due in seconds since the epoch)."""
    row = db.execute("SELECT failures, next_try_at FROM hosts WHERE name=?", (host,)).fetchone()
    return (int(row[0]), epoch(row[1]) if row[1] else 0.0) if row else (0, 0.0)


def add_facts(db: sqlite3.Connection, host: str, facts: dict[str, Any]) -> None:
    """Stores a probe; the newest few are kept. What it changes of the machine goes into the host's history."""
    history.note_machine(db, host, facts)
    db.execute(
        "INSERT OR REPLACE INTO facts (host, time, data) VALUES (?,?,?)",
        (host, now(), json.dumps(facts, ensure_ascii=False)),
    )
    db.execute(
        "DELETE FROM facts WHERE host=?"
        " AND time NOT IN (SELECT time FROM facts WHERE host=? ORDER BY time DESC LIMIT ?)",
        (host, host, KEPT_FACTS),
    )


def latest_facts(db: sqlite3.Connection, host: str) -> dict[str, Any] | None:
    """The newest probe."""
    row = db.execute("SELECT data FROM facts WHERE host=? ORDER BY time DESC LIMIT 1", (host,)).fetchone()
    return json.loads(row[0]) if row else None


def data_arrived(db: sqlite3.Connection, host: str, name: str, digest: str, size: int, files: int, source: str) -> None:
    """A snapshot is complete on a host."""
    db.execute(
        "INSERT OR IGNORE INTO datasets (name, digest, size, files, source, created_at) VALUES (?,?,?,?,?,?)",
        (name, digest, size, files, source, now()),
    )
    db.execute(
        "INSERT OR REPLACE INTO data_on_hosts (host, name, digest, time) VALUES (?,?,?,?)", (host, name, digest, now())
    )


def forget(db: sqlite3.Connection, host: str) -> None:
    """The host was removed from the inventory; its jobs stay."""
    for table, column in (("hosts", "name"), ("facts", "host"), ("data_on_hosts", "host")):
        db.execute(f"DELETE FROM {table} WHERE {column}=?", (host,))  # noqa: S608
