"""A damaged database: told from one that is only busy, full or out of reach, and put aside. Never deleted."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from lt_agent.protocol.errors import LtError


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is no database or is malformed.

    Python gives these two the plain `DatabaseError`; whatever passes (locked, full, unreadable) is a subclass.
    """
    return type(error) is sqlite3.DatabaseError


def unreadable(path: Path | str, error: sqlite3.Error) -> LtError:
    """The error for a person: `database_damaged`, which has a way out, or `database_unreadable`."""
    return LtError("database_damaged" if is_damage(error) else "database_unreadable", path=str(path), why=str(error))


def find_damage(path: Path) -> str | None:
    """What is wrong with the file's structure; None for a sound one, or none at all. Reads all of it.

    Raises sqlite3.Error where it can't be looked at: locked, out of reach.
    """
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=60)) as db:
            said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return str(error)
    return None if said == "ok" else said


def put_aside(path: Path) -> Path | None:
    """Renames a damaged database, with its log, to `lt.db.damaged-<date>`; the new path, or None for a sound one.

    To be called while nobody has it open. Raises sqlite3.Error, OSError.
    """
    if find_damage(path) is None:
        return None
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    number = 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{number}")
    for end in ("-wal", "-shm"):  # first: SQLite must never join them to the database that comes next
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(aside.with_name(aside.name + end))
    path.rename(aside)
    return aside
