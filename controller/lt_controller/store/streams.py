"""What flows in from the hosts. Each function writes the data and moves its cursor, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from time import time as current
from typing import Any

from . import usage
from .numbers import finite
from .times import iso
from .told import cut_table, plain

CURSORS = ("log", "events", "metrics", "samples")
_HOST = "host/"  # samples of the whole machine
Values = list[tuple[str, float | None]]
LONGEST_EVENT = 256 << 10  # bytes of one line; lt's own have some hundreds, with an error's last lines some thousands
LONGEST_NAME = 200  # characters of a metric's name
MOST_NAMES = 1000  # metrics in one line
LOG_ROW = 256 << 10  # small chunks are gathered into the last row until it has this many bytes


def cursors(db: sqlite3.Connection, job: str, attempt: int) -> dict[str, int]:
    """The byte offset up to which each stream of the attempt is stored."""
    row = db.execute(
        "SELECT log_cursor, events_cursor, metrics_cursor, samples_cursor FROM attempts WHERE job_id=? AND attempt=?",
        (job, attempt),
    ).fetchone()
    return dict(zip(CURSORS, row or (0, 0, 0, 0), strict=True))


def add_log(db: sqlite3.Connection, job: str, attempt: int, offset: int, data: bytes) -> None:
    """Stores log bytes. What is stored already is not stored again; a gap is refused (ValueError)."""
    data = _fresh(db, job, attempt, "log", offset, data)
    if not data:
        return
    offset = cursors(db, job, attempt)["log"]
    last = db.execute(
        "SELECT offset, length(data) FROM logs WHERE job_id=? AND attempt=? ORDER BY offset DESC LIMIT 1",
        (job, attempt),
    ).fetchone()
    if last is not None and last[1] + len(data) <= LOG_ROW // 16:
        db.execute(
            "UPDATE logs SET data = CAST(data || ? AS BLOB) WHERE job_id=? AND attempt=? AND offset=?",
            (data, job, attempt, last[0]),
        )
    else:
        db.execute("INSERT INTO logs (job_id, attempt, offset, data) VALUES (?,?,?,?)", (job, attempt, offset, data))
    _advance(db, job, attempt, "log", offset + len(data))


def add_metrics(
    db: sqlite3.Connection, job: str, attempt: int, stream: str, offset: int, data: bytes, clock: float
) -> int:
    """Stores the whole lines of `metrics` or `samples`; returns how many lines were no metric and were passed over.

    `clock` is what to add to the host's times. NaN and infinities are stored as NULL. What a sample says of the whole
    machine (`host/cpu`) goes into the history of its host.
    """
    data = _fresh(db, job, attempt, stream, offset, data)
    if not data:
        return 0
    rows: list[tuple[Any, ...]] = []
    bad = 0
    last_step = None
    for line in data.splitlines():
        point = _point(line)
        if point is None:
            bad += bool(line.strip())
            continue
        step, time, values = point
        last_step = step if stream == "metrics" else None
        if stream == "samples":
            values = _without_hosts(db, job, attempt, time, clock, values)
        when = iso(time + clock) if time is not None else None
        rows += [(job, attempt, name, step, value, when) for name, value in values]
    db.executemany(
        "INSERT OR REPLACE INTO metrics (job_id, attempt, name, step, value, time) VALUES (?,?,?,?,?,?)", rows
    )
    if last_step is not None:
        db.execute("UPDATE jobs SET step=? WHERE id=? AND attempt=?", (last_step, job, attempt))
    _advance(db, job, attempt, stream, cursors(db, job, attempt)[stream] + len(data))
    return bad


def add_events(
    db: sqlite3.Connection, job: str, attempt: int, host: str, offset: int, data: bytes, clock: float
) -> list[tuple[str, dict[str, Any], float]]:
    """Stores the whole lines of the events stream; returns the new ones as (code, params, the laptop's time)."""
    data = _fresh(db, job, attempt, "events", offset, data)
    at = cursors(db, job, attempt)["events"]
    events = []
    for line in data.splitlines(keepends=True):
        try:
            if len(line) > LONGEST_EVENT:
                raise ValueError("too long")
            value = json.loads(line)
            code, params = plain(str(value["code"])[:LONGEST_NAME]), cut_table(dict(value.get("params") or {}))
            time = float(value["time"]) + clock
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            code, params, time = "unreadable_event", {"bytes": len(line)}, clock
        db.execute(
            "INSERT OR REPLACE INTO events (job_id, attempt, seq, code, params, time, host) VALUES (?,?,?,?,?,?,?)",
            (job, attempt, at, code, json.dumps(params, ensure_ascii=False), iso(time), host),
        )
        at += len(line)
        events.append((code, params, time))
    if data:
        _advance(db, job, attempt, "events", at)
    return events


def _without_hosts(
    db: sqlite3.Connection, job: str, attempt: int, time: float | None, clock: float, values: Values
) -> Values:
    """Puts what is said of the machine where it belongs; the rest, which is the job's."""
    told = {name[len(_HOST) :]: value for name, value in values if name.startswith(_HOST)}
    if told and time is not None:
        row = db.execute("SELECT host FROM attempts WHERE job_id=? AND attempt=?", (job, attempt)).fetchone()
        usage.add(db, row[0], time + clock, told, current())
    return [(name, value) for name, value in values if not name.startswith(_HOST)]


def _fresh(db: sqlite3.Connection, job: str, attempt: int, stream: str, offset: int, data: bytes) -> bytes:
    """The part of `data` that is not stored yet."""
    cursor = cursors(db, job, attempt)[stream]
    if offset > cursor:
        raise ValueError(f"{stream} of {job}/{attempt}: bytes {cursor} to {offset} are missing")
    return data[cursor - offset :]


def _advance(db: sqlite3.Connection, job: str, attempt: int, stream: str, cursor: int) -> None:
    if stream not in CURSORS:
        raise ValueError(f"no such stream: {stream}")
    db.execute(f"UPDATE attempts SET {stream}_cursor=? WHERE job_id=? AND attempt=?", (cursor, job, attempt))  # noqa: S608


def _point(line: bytes) -> tuple[int, float | None, Values] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    step, time = value.pop("step", 0), value.pop("time", None)
    if isinstance(step, bool) or not isinstance(step, (int, float)) or finite(step) is None or abs(step) >= 1 << 62:
        return None
    told = [(name, v) for name, v in value.items() if v is None or isinstance(v, (int, float))][:MOST_NAMES]
    clean = [(plain(str(name)[:LONGEST_NAME]), finite(v)) for name, v in told]
    return int(step), finite(time) if isinstance(time, (int, float)) else None, clean
