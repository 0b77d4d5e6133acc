"""A job's wish to be early, why it waits and where in its host's line, and when a failed one is tried again."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN place INTEGER",
    "ALTER TABLE jobs ADD COLUMN waits TEXT",
    "ALTER TABLE jobs ADD COLUMN retry_at TEXT",
)


def migrate(db: Database) -> None:
    """Adds the columns."""
    for statement in STATEMENTS:
        db.execute(statement)
