"""A laptop's database filled by hand, through the real schema, for tests of what reads it."""

from __future__ import annotations

import functools
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from lt_agent.protocol.ulid import new_ulid
from lt_controller.home import Home
from lt_controller.store.schema import open_writable
from lt_controller.store.times import iso

START = 1_790_000_000.0  # seconds since the epoch; the first job's time

FACTS = {
    "root": "/root/.lt-agent",
    "machine": "x86_64",
    "libc": "glibc 2.36",
    "gpus": [],
    "python": "/usr/bin/python3",
    "pythons": [{"path": "/usr/bin/python3", "version": "3.11.2", "packages": {}}],
}
"""What a look at a small host without a GPU finds."""


class Store:
    """An LT_HOME with a database, and rows put into it with sensible defaults."""

    def __init__(self, path: Path) -> None:
        self.home = new_home(path)
        self.db: sqlite3.Connection = open_writable(self.home.database)

    def insert(self, table: str, **values: Any) -> None:
        """One row; dicts and lists as JSON."""
        plain = {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in values.items()}
        names = ", ".join(plain)
        marks = ", ".join("?" * len(plain))
        self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(plain.values()))

    def submits(self) -> list[dict[str, Any]]:
        """What was asked for: the submits' parameters."""
        return [json.loads(row[0]) for row in self.db.execute("SELECT params FROM intents WHERE kind='submit'")]

    def job(self, name: str, state: str = "running", *, attempt: int = 1, at: float = START, **values: Any) -> str:
        """A job with its attempts; its id."""
        job = values.pop("id", None) or new_ulid(at)
        spec = {"job": job, "name": name, "attempt": attempt, "kind": values.get("kind", "command"), "argv": ["true"]}
        row = {
            "id": job,
            "name": name,
            "host": "box",
            "kind": "command",
            "owner": "me",
            "state": state,
            "attempt": attempt,
            "created_at": iso(at),
            "spec": spec,
            **values,
        }
        self.insert("jobs", **row)
        for number in range(1, attempt + 1):
            now = state if number == attempt else "paused"
            self.insert("attempts", job_id=job, attempt=number, host=row["host"], state=now)
        return job

    def log(self, job: str, data: bytes, attempt: int = 1) -> None:
        """More of a job's log, as the controller stores it."""
        from lt_controller.store.streams import add_log, cursors

        self.db.execute("BEGIN IMMEDIATE")
        add_log(self.db, job, attempt, cursors(self.db, job, attempt)["log"], data)
        self.db.execute("COMMIT")

    def metric(self, job: str, step: int, attempt: int = 1, **values: float | None) -> None:
        """Values of one step."""
        for name, value in values.items():
            when = iso(START + step)
            self.insert("metrics", job_id=job, attempt=attempt, name=name, step=step, value=value, time=when)
        for cursor in ("metrics_cursor", "samples_cursor"):  # as the controller moves them with the data
            self.db.execute(f"UPDATE attempts SET {cursor}={cursor}+1 WHERE job_id=? AND attempt=?", (job, attempt))

    def checkpoint(self, job: str, name: str, step: int, **values: Any) -> None:
        """A resumable checkpoint on the host."""
        row = {
            "job_id": job,
            "attempt": 1,
            "name": name,
            "kind": "checkpoint",
            "step": step,
            "resumable": 1,
            "size": 1000,
            "created_at": iso(START + step),
            "manifest": {},
            **values,
        }
        self.insert("checkpoints", **row)

    def set(self, job: str, **values: Any) -> None:
        """Changes a job's row and its newest attempt's state."""
        names = ", ".join(f"{name}=?" for name in values)
        self.db.execute(f"UPDATE jobs SET {names} WHERE id=?", (*values.values(), job))
        if "state" in values:
            self.db.execute("UPDATE attempts SET state=? WHERE job_id=?", (values["state"], job))

    def close(self) -> None:
        """Closes the writer's connection."""
        self.db.close()


def new_home(path: Path) -> Home:
    """An LT_HOME with an empty database of today's schema; one that is there already stays as it is."""
    home = Home(path).make()
    if not home.database.exists():
        home.database.write_bytes(_empty_database())
    return home


@functools.cache
def _empty_database() -> bytes:
    """Made once: the migrations run in a process of their own, and hundreds of tests begin with them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lt.db"
        open_writable(path).close()  # the last connection folds the log in
        return path.read_bytes()
