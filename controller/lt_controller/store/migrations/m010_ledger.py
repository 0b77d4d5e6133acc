"""What hosts were and cost, what they were used for, and which checkpoints a lease's end has asked for."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    # A row per change; the one that holds has no `till`.
    "CREATE TABLE host_history (host TEXT NOT NULL, since TEXT NOT NULL, till TEXT, data TEXT NOT NULL,"
    " PRIMARY KEY (host, since))",
    "CREATE UNIQUE INDEX host_history_open ON host_history (host) WHERE till IS NULL",
    # `time`: seconds since the epoch, a multiple of `span` (10, 60, 600 or 3600 seconds); `value`: a mean of `n`.
    "CREATE TABLE usage (host TEXT NOT NULL, name TEXT NOT NULL, span INTEGER NOT NULL, time INTEGER NOT NULL,"
    " value REAL NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (host, name, span, time)) WITHOUT ROWID",
    "CREATE INDEX attempts_by_time ON attempts (host, started_at)",
    "ALTER TABLE attempts ADD COLUMN rescued TEXT",  # when the lease's end asked for a checkpoint, as the host told
)


def migrate(db: Database) -> None:
    """Adds two tables, a column and an index."""
    for statement in STATEMENTS:
        db.execute(statement)
