"""One job as its files at home tell it, and its rows in the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import ExitRecord, JobSpec, from_dict, to_dict

from ..store import jobs, recovered
from ..store.streams import CURSORS, LOG_ROW
from ..store.told import plain
from .checked import checked_spec
from .verify import checked_exit


@dataclass(frozen=True)
class HomeJob:
    """`folder` is `runs/<name>`; `ended` the attempts whose outcome is there; `row` what `job.json` says."""

    id: str
    host: str
    folder: Path
    spec: JobSpec
    row: dict[str, Any]
    ended: dict[int, ExitRecord]


def read_job(folder: Path, ids: list[str]) -> HomeJob:
    """The job in `runs/<name>`, whose files speak of the jobs `ids`.

    Raises LtError `bad_record`, OSError, ValueError for what can't be read; an attempt without outcome is left out.
    """
    if len(ids) != 1:
        raise LtError("bad_record", record="job.json", problem="files of several jobs" if ids else "no job's files")
    (job,) = ids
    row = _object(folder / ".lt" / "job.json")
    ended, newest, host = {}, 0, ""
    specs: dict[int, Any] = {}
    for path in sorted((folder / ".lt").glob("[0-9]*/exit.json"), key=lambda path: path.parent.name.zfill(9)):
        attempt = int(path.parent.name)
        value = _object(path)
        ended[attempt] = checked_exit(from_dict(ExitRecord, value))
        specs[attempt] = _object(path.with_name("spec.json"))
        newest, host = max(newest, attempt), str(value.get("host") or host)
    submitted: Any = row.get("spec") or specs.get(newest)
    if not isinstance(submitted, dict):
        raise LtError("bad_record", record="job.json", problem="no spec")
    attempt = max(newest, int(row.get("attempt") or 0))
    spec = checked_spec({**submitted, "attempt": attempt}, job, attempt)
    return HomeJob(job, str(row.get("host") or host), folder, spec, row, ended)


def write_job(db: sqlite3.Connection, job: HomeJob, name: str) -> bool:
    """Adds what the database lacks of the job, within the caller's transaction; whether that was anything."""
    known = {row[0] for row in db.execute("SELECT attempt FROM attempts WHERE job_id=?", (job.id,))}
    numbers = {job.spec.attempt, *job.ended} - known
    if not numbers:
        return False
    specs = {number: _spec(job, number) for number in numbers}
    recovered.add_job(db, job.host, str(job.row.get("owner") or job.spec.owner), specs, name)
    for number in sorted(numbers & job.ended.keys()):
        _write_attempt(db, job, number)
    columns = ("recipe", "step", "total_steps", "created_at", "started_at")
    for column in columns:
        if isinstance(job.row.get(column), (str, int)):
            db.execute(f"UPDATE jobs SET {column}=? WHERE id=?", (job.row[column], job.id))  # noqa: S608
    pull = job.row.get("pull")
    if isinstance(pull, dict) and isinstance(pull.get("which"), str):
        db.execute("UPDATE jobs SET pull=json_set(pull, '$.which', ?) WHERE id=?", (pull["which"], job.id))
    return True


def _spec(job: HomeJob, number: int) -> JobSpec:
    value = {**to_dict(job.spec), "attempt": number}
    if number in job.ended:
        value["resume"] = _object(job.folder / ".lt" / str(number) / "attempt.json").get("resume")
    return checked_spec(value, job.id, number)


def _write_attempt(db: sqlite3.Connection, job: HomeJob, number: int) -> None:
    folder = job.folder / ".lt" / str(number)
    record, known, key = job.ended[number], _object(folder / "attempt.json"), (job.id, number)
    size = _log(db, key, folder / "log")
    events = (_event(job, number, line) for line in _lines(folder / "events.jsonl"))
    _rows(db, "events (job_id, attempt, seq, code, params, time, host)", events)
    metrics = (row for line in _lines(folder / "metrics.jsonl") for row in _metric(key, line))
    _rows(db, "metrics (job_id, attempt, name, step, value, time)", metrics)
    jobs.end_attempt(db, job.id, number, record, 0.0)
    times = {name: known[name] for name in ("started_at", "finished_at") if isinstance(known.get(name), str)}
    for column, value in times.items():  # as they were corrected by the host's clock
        db.execute(f"UPDATE attempts SET {column}=? WHERE job_id=? AND attempt=?", (value, *key))  # noqa: S608
    if "finished_at" in times:
        db.execute("UPDATE jobs SET finished_at=? WHERE id=? AND attempt=?", (times["finished_at"], *key))
    for name in CURSORS:
        cursor = known.get(f"{name}_cursor")
        cursor = size if name == "log" else cursor if isinstance(cursor, int) else 0
        db.execute(f"UPDATE attempts SET {name}_cursor=? WHERE job_id=? AND attempt=?", (cursor, *key))  # noqa: S608
    db.execute("UPDATE attempts SET kept=1 WHERE job_id=? AND attempt=?", key)
    if record.state in states.RESTING and not known:  # kept by an earlier version
        db.execute("UPDATE jobs SET started_at=coalesce(started_at, created_at) WHERE id=?", (job.id,))


def _log(db: sqlite3.Connection, key: tuple[str, int], path: Path) -> int:
    offset = 0
    try:
        with path.open("rb") as file:
            while data := file.read(LOG_ROW):
                db.execute("INSERT INTO logs (job_id, attempt, offset, data) VALUES (?,?,?,?)", (*key, offset, data))
                offset += len(data)
    except FileNotFoundError:
        return 0
    return offset


def _event(job: HomeJob, number: int, line: dict[str, Any]) -> tuple[Any, ...] | None:
    seq = line.get("seq", line["line"])
    if not isinstance(seq, int) or not isinstance(line.get("params"), dict):
        return None
    params = plain(json.dumps(line["params"], ensure_ascii=False))
    host = line.get("host", job.host)
    when = plain(str(line.get("time", "")))
    return (job.id, number, seq, plain(str(line.get("code"))), params, when, plain(str(host)) if host else None)


def _metric(key: tuple[str, int], line: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    step, time = line.get("step"), line.get("time")
    if not isinstance(step, int) or abs(step) >= 1 << 62:
        return
    for name, value in line.items():
        if name not in ("step", "time", "line") and (value is None or isinstance(value, (int, float))):
            yield (*key, plain(name), step, value, time if isinstance(time, str) else None)


def _rows(db: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...] | None]) -> None:
    marks = ",".join("?" * (table.count(",") + 1))
    db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (row for row in rows if row is not None))  # noqa: S608


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, each with its number as `line`; what is none is passed over."""
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file):
                try:
                    value = json.loads(text)
                except (ValueError, RecursionError):
                    continue
                if isinstance(value, dict):
                    yield {**value, "line": number}
    except FileNotFoundError:
        return


def _object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty without one. Raises ValueError, OSError."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return value if isinstance(value, dict) else {}
