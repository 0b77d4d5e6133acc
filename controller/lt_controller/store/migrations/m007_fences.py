"""Attempts that a person has given up with their host: should it come back, they are stopped there and ignored here."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    "ALTER TABLE attempts ADD COLUMN fenced INTEGER NOT NULL DEFAULT 0",  # 1 to be stopped, 2 stopped
    "CREATE INDEX attempts_fenced ON attempts (host) WHERE fenced=1",
)


def migrate(db: Database) -> None:
    """Adds a column and its index."""
    for statement in STATEMENTS:
        db.execute(statement)
