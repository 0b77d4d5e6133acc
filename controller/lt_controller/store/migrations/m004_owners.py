"""Jobs of other laptops on our hosts, to be shown; and of ours, which another laptop has adopted."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    # `owner` is an LT_HOME's id, `by` its person (user@laptop), as the host tells; a job is a row, its newest attempt.
    "CREATE TABLE other_jobs (host TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,"
    " by TEXT, kind TEXT, state TEXT NOT NULL, reason TEXT, attempt INTEGER NOT NULL, seen_at TEXT NOT NULL,"
    " PRIMARY KEY (host, id))",
    "ALTER TABLE jobs ADD COLUMN adopted_by TEXT",
)


def migrate(db: Database) -> None:
    """Adds a table and a column."""
    for statement in STATEMENTS:
        db.execute(statement)
