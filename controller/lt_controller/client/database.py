"""The client's connection to the database: it reads, and writes intents and the audit. The rest is the controller's."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import new_ulid

from ..store.damage import unreadable
from ..store.times import now

_BUSY_SECONDS = 60.0


class Reader:
    """Rows of the database by a read-only connection, opened when it is first needed.

    Before the controller's first start there is no database: every query then finds nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows. Raises LtError `database_unreadable`."""
        for again in (False, True):
            db = self._open()
            if db is None:
                return []
            try:
                return db.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                if "no such table" in str(error):  # the controller is just making it
                    return []
                if again or "no such column" not in str(error):
                    raise unreadable(self._path, error) from None
                from ..store.schema import open_writable

                open_writable(self._path).close()  # an older lt has left it, or a controller is bringing it up to date
        return []

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        found = self.rows(sql, values)
        return found[0] if found else None

    def version(self) -> int:
        """Changes whenever somebody else has committed; much cheaper than a query."""
        db = self._open()
        return int(db.execute("PRAGMA data_version").fetchone()[0]) if db is not None else -1

    def close(self) -> None:
        """Closes the connection; the next query opens another."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection | None:
        if self._db is None:
            if not self._path.exists():
                return None
            try:
                # A notebook may use one client from several threads in turn.
                self._db = sqlite3.connect(
                    f"{self._path.as_uri()}?mode=ro",
                    uri=True,
                    timeout=_BUSY_SECONDS,
                    isolation_level=None,
                    check_same_thread=False,
                )
            except sqlite3.Error as error:
                raise LtError("database_unreadable", path=str(self._path), why=str(error)) from None
            self._db.row_factory = sqlite3.Row
        return self._db


def write_intent(path: Path, kind: str, job: str | None, params: dict[str, Any], unique_name: str | None = None) -> str:
    """Writes an intent, with its row in the audit, and returns its id.

    `unique_name`: a job's name that nobody may have yet, checked in the same transaction, so that of two commands at
    once one is refused. Raises LtError `name_taken`, `database_unreadable`.
    """
    from . import acts

    intent = new_ulid()
    try:
        db = acts.writable(path)
        try:
            db.execute("BEGIN IMMEDIATE")
            if unique_name is not None and _taken(db, unique_name):
                db.execute("ROLLBACK")
                raise LtError("name_taken", name=unique_name)
            db.execute(
                "INSERT INTO intents (id, kind, job_id, params, created_at) VALUES (?,?,?,?,?)",
                (intent, kind, job, json.dumps(params, ensure_ascii=False), now()),
            )
            acts.record_intent(db, kind, job, params)
            db.execute("COMMIT")
        finally:
            db.close()
    except sqlite3.Error as error:
        raise unreadable(path, error) from None
    return intent


def _taken(db: sqlite3.Connection, name: str) -> bool:
    if db.execute("SELECT 1 FROM jobs WHERE name=?", (name,)).fetchone() is not None:
        return True
    # Looked for by SQLite itself: of a sweep hundreds may wait, and meanwhile nobody else can write.
    waiting = "SELECT 1 FROM intents WHERE state IN ('pending','doing') AND kind='submit'"
    return db.execute(f"{waiting} AND json_extract(params, '$.spec.name')=? LIMIT 1", (name,)).fetchone() is not None


@lru_cache(maxsize=1 << 14)  # a screen reads the times of a thousand jobs again each second
def when(text: str | None) -> datetime | None:
    """A stored time as an aware datetime."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def load(text: str | None) -> Any:
    """A JSON column's value, None where it is empty or torn."""
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
