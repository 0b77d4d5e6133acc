"""`runs/<job>/.lt/`: the job's spec, log, events, metrics and outcome as files, for the day the database is gone.

    job.json                the job's row, from the first checkpoint that comes home
    manifests/<name>.json   what came home
    <attempt>/              of one that has ended: attempt.json spec.json exit.json log events.jsonl metrics.jsonl

`homecoming` reads them back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from lt_agent.protocol.files import write_json

from ..home import Home
from ..store.streams import CURSORS

JOB = ("id", "name", "host", "recipe", "method", "kind", "owner", "state", "reason", "message", "attempt", "step")
MORE = ("total_steps", "created_at", "started_at", "finished_at", "exit_code")
ATTEMPT = ("host", "state", "reason", "started_at", "finished_at", *(f"{name}_cursor" for name in CURSORS))


def keep(home: Home, job: str, attempt: int) -> None:
    """Writes what the database knows of an attempt that has ended. Again is harmless. Raises OSError (disk full).

    Not forced to the disk: until the system has done that by itself, the database has it too.
    """
    with closing(_open(home)) as db:
        row = db.execute(
            f"SELECT j.name, j.spec, a.exit, a.host, {', '.join(f'a.{name}' for name in ATTEMPT)}, a.resume"  # noqa: S608
            " FROM jobs j JOIN attempts a ON a.job_id = j.id WHERE j.id=? AND a.attempt=?",
            (job, attempt),
        ).fetchone()
        if row is None:
            return
        name, spec, outcome, host = row[:4]
        folder = home.run(name) / ".lt" / str(attempt)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(folder / "log", (bytes(data) for (data,) in _rows(db, "SELECT data FROM logs", "offset", job, attempt)))
        _write(folder / "events.jsonl", _events(db, job, attempt))
        _write(folder / "metrics.jsonl", _metrics(db, job, attempt))
        write_json(folder / "spec.json", json.loads(spec), durable=False)
        known = {**dict(zip(ATTEMPT, row[4:-1], strict=True)), "resume": json.loads(row[-1]) if row[-1] else None}
        write_json(folder / "attempt.json", known, durable=False)
        _keep_job(db, home, job)
        # Last: an outcome says that all of the attempt is here.
        write_json(folder / "exit.json", {**json.loads(outcome or "{}"), "host": host}, durable=False)


def keep_job(home: Home, job: str) -> None:
    """Writes the job's row beside what has come home of it. Raises OSError."""
    with closing(_open(home)) as db:
        _keep_job(db, home, job)


def _keep_job(db: sqlite3.Connection, home: Home, job: str) -> None:
    names = (*JOB, *MORE)
    row = db.execute(f"SELECT {', '.join(names)}, spec, pull FROM jobs WHERE id=?", (job,)).fetchone()  # noqa: S608
    if row is None:
        return
    value = dict(zip(names, row[:-2], strict=True))
    folder = home.run(value["name"]) / ".lt"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pull = {"which": json.loads(row[-1]).get("which")}  # not the paths of this laptop
    write_json(folder / "job.json", {**value, "spec": json.loads(row[-2]), "pull": pull}, durable=False)


def _open(home: Home) -> sqlite3.Connection:
    return sqlite3.connect(f"{home.database.as_uri()}?mode=ro", uri=True, timeout=60)


def _events(db: sqlite3.Connection, job: str, attempt: int) -> Iterator[bytes]:
    query = "SELECT seq, code, params, time, host FROM events"
    for seq, code, params, time, host in _rows(db, query, "seq", job, attempt):
        yield _line({"seq": seq, "time": time, "code": code, "params": json.loads(params), "host": host})


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
