"""A job that may go to one of several hosts: what was asked, and its spec for each of them. Hosts that are closed."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    "ALTER TABLE jobs ADD COLUMN asked TEXT",  # `any:gpu=a100`, as it was typed; NULL for a job of one host
    "CREATE TABLE choices (job_id TEXT NOT NULL REFERENCES jobs (id), host TEXT NOT NULL, rank INTEGER NOT NULL,"
    " spec TEXT NOT NULL, data TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (job_id, host))",
)


def migrate(db: Database) -> None:
    """Adds a column and a table."""
    for statement in STATEMENTS:
        db.execute(statement)
