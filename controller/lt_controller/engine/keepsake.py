"""`runs/<job>/.lt/`: the job's spec, log, events, metrics and outcome as files, for the day the database is gone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from lt_agent.protocol.files import write_json

from ..home import Home


def keep(home: Home, job: str, attempt: int) -> None:
    """Writes what the database knows of an attempt that has ended. Again is harmless. Raises OSError (disk full).

    Not forced to the disk: until the system has done that by itself, the database has it too.
    """
    uri = f"{home.database.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=60)) as db:
        row = db.execute(
            "SELECT j.name, j.spec, a.exit, a.host FROM jobs j JOIN attempts a ON a.job_id = j.id"
            " WHERE j.id=? AND a.attempt=?",
            (job, attempt),
        ).fetchone()
        if row is None:
            return
        name, spec, outcome, host = row
        folder = home.run(name) / ".lt" / str(attempt)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(folder / "log", (bytes(data) for (data,) in _rows(db, "SELECT data FROM logs", "offset", job, attempt)))
        _write(folder / "events.jsonl", _events(db, job, attempt))
        _write(folder / "metrics.jsonl", _metrics(db, job, attempt))
        write_json(folder / "spec.json", json.loads(spec), durable=False)
        write_json(folder / "exit.json", {**json.loads(outcome or "{}"), "host": host}, durable=False)


def _events(db: sqlite3.Connection, job: str, attempt: int) -> Iterator[bytes]:
    for code, params, time in _rows(db, "SELECT code, params, time FROM events", "seq", job, attempt):
        yield _line({"time": time, "code": code, "params": json.loads(params)})


def _metrics(db: sqlite3.Connection, job: str, attempt: int) -> Iterator[bytes]:
    query = "SELECT name, step, value, time FROM metrics"
    for name, step, value, time in _rows(db, query, "step, name", job, attempt):
        yield _line({"step": step, "time": time, name: value})


def _rows(db: sqlite3.Connection, select: str, order: str, job: str, attempt: int) -> sqlite3.Cursor:
    return db.execute(f"{select} WHERE job_id=? AND attempt=? ORDER BY {order}", (job, attempt))


def _line(value: dict[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        for piece in pieces:
            file.write(piece)
    aside.replace(path)
