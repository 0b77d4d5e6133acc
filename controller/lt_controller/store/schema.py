"""Opening the database: WAL mode, and the schema brought up to date."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from .damage import unreadable
from .migrations import NAMES

PAGE_SIZE = 16384  # bytes: logs come in pieces of 256 KiB, and write twice as fast as with SQLite's usual 4096


def open_writable(path: Path | str) -> sqlite3.Connection:
    """A connection in WAL mode with the schema brought up to date. Autocommit; the writer opens transactions itself.

    Raises LtError `database_unreadable`: damaged, of a newer lt, or on a disk that cannot hold it.
    """
    try:
        connection = _connect(path)
        if _due(connection):
            _migrate(connection, path)
    except sqlite3.Error as error:
        raise unreadable(path, error) from None
    return connection


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
    connection.execute(f"PRAGMA page_size={PAGE_SIZE}")  # of a database that is made by this; others keep theirs
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_size_limit=67108864")
    return connection


def _due(connection: sqlite3.Connection) -> bool:
    """Whether a migration has not been applied. Raises sqlite3.DatabaseError for a database of a newer lt."""
    table = connection.execute("SELECT 1 FROM sqlite_master WHERE name='_sqlite_migrations'").fetchone()
    if table is None:
        return True
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set='lt'")
    applied = {row[0] for row in rows}
    if applied - set(NAMES):
        raise sqlite3.NotSupportedError("it was written by a newer lt")
    return applied != set(NAMES)


def _migrate(connection: sqlite3.Connection, path: Path | str) -> None:
    if str(path) == ":memory:":
        from sqlite_utils import Database

        from .migrations.apply import migrations

        migrations().apply(Database(connection))
        return
    # A client that records an act and a controller that starts may both find the same work due.
    lock = os.open(f"{path}.migrating", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _due(connection):
            _apply(path)
    finally:
        os.close(lock)


def _apply(path: Path | str) -> None:
    command = [sys.executable, "-m", "lt_controller.store.migrations", os.path.abspath(path)]
    # From the top folder: `-m` imports from the folder one stands in first, and that may be a stranger's project.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        raise sqlite3.OperationalError((done.stderr.strip().splitlines() or ["the migration failed"])[-1])
