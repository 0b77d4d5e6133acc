"""Sweeps and pipelines as records for the files at home, and back where the database has lost them."""

from __future__ import annotations

import sqlite3
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.ulid import is_ulid

from . import pipelines, sweeps
from .times import now

Flow = tuple[str, str]  # kind and id
# The table, that of its parts, by which column these name it, and in which order they are told.
KINDS = {"sweep": ("sweeps", "trials", "sweep_id", "number"), "pipeline": ("pipelines", "stages", "pipeline", "place")}
ALIVE = frozenset({sweeps.RUNNING, sweeps.STOPPING, pipelines.RUNNING, pipelines.STOPPING})


def heads(db: sqlite3.Connection) -> dict[Flow, tuple[str, str | None]]:
    """Of each sweep and pipeline its state and when it came to rest."""
    return {
        (kind, row[0]): (row[1], row[2])
        for kind, (table, *_) in KINDS.items()
        for row in db.execute(f"SELECT id, state, finished_at FROM {table}")  # noqa: S608
    }


def record(db: sqlite3.Connection, kind: str, identity: str) -> dict[str, Any]:
    """All that is known of one: `{kind, head, parts}`, rows as objects."""
    table, parts, owner, order = KINDS[kind]
    head = _rows(db.execute(f"SELECT * FROM {table} WHERE id=?", (identity,)))  # noqa: S608
    found = db.execute(f"SELECT * FROM {parts} WHERE {owner}=? ORDER BY {order}", (identity,))  # noqa: S608
    return {"kind": kind, "head": head[0] if head else {}, "parts": _rows(found)}


def add(db: sqlite3.Connection, value: Any) -> bool:
    """Adds one that the database does not know; whether it was one.

    It is at rest, whatever it was: nothing begins without a person's word, and a resume finds out what its jobs have
    come to. Raises LtError `bad_record` for what `record` never wrote, `name_taken`.
    """
    if not isinstance(value, dict) or value.get("kind") not in KINDS:
        raise LtError("bad_record", record="sweep or pipeline", problem="not an object of such a kind")
    table, parts, owner, _ = KINDS[value["kind"]]
    head, rows = value.get("head"), value.get("parts")
    rows = rows if isinstance(rows, list) else [None]
    if not isinstance(head, dict) or not is_ulid(str(head.get("id"))) or not all(isinstance(r, dict) for r in rows):
        raise LtError("bad_record", record=value["kind"], problem="its rows")
    identity = str(head["id"])
    if db.execute(f"SELECT 1 FROM {table} WHERE id=?", (identity,)).fetchone() is not None:  # noqa: S608
        return False
    name = str(head.get("name"))
    if value["kind"] == "sweep" and db.execute("SELECT 1 FROM sweeps WHERE name=?", (name,)).fetchone() is not None:
        raise LtError("name_taken", name=name)
    try:
        _insert(db, table, _at_rest(head, ALIVE, sweeps.STOPPED))
        for row in rows:
            open_trial = value["kind"] == "sweep" and row.get("state") not in sweeps.OVER
            _insert(db, parts, {**row, **({"state": sweeps.STOPPED} if open_trial else {}), owner: identity})
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        raise LtError("bad_record", record=value["kind"], problem=str(error)) from None
    return True


def _at_rest(row: dict[str, Any], alive: frozenset[str], state: str) -> dict[str, Any]:
    return {**row, "state": state, "finished_at": now()} if row.get("state") in alive else row


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """The columns that this table has; of a newer or an older lt there may be others."""
    known = {found[1] for found in db.execute(f"PRAGMA table_info({table})")}
    columns = sorted(known & row.keys())
    marks = ",".join("?" * len(columns))
    words = [row[name] for name in columns]
    db.execute(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", words)  # noqa: S608


def _rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
