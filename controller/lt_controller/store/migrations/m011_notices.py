"""What people are to be told, and what of it was told: an outbox, so that each thing is told once over restarts."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    "CREATE TABLE notices (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
    " code TEXT NOT NULL, job_id TEXT, job TEXT, attempt INTEGER, host TEXT, recipe TEXT,"
    " params TEXT NOT NULL DEFAULT '{}', time TEXT NOT NULL, created_at TEXT NOT NULL)",
    "CREATE TABLE deliveries (notice INTEGER NOT NULL REFERENCES notices (id) ON DELETE CASCADE,"
    " channel TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending', tries INTEGER NOT NULL DEFAULT 0, due_at TEXT,"
    " done_at TEXT, error TEXT, PRIMARY KEY (notice, channel))",
    "CREATE INDEX deliveries_pending ON deliveries (channel) WHERE state='pending'",
    # 0: nobody has looked yet whether it is to be told. What ended before this table was there is not.
    "ALTER TABLE attempts ADD COLUMN told INTEGER NOT NULL DEFAULT 0",
    # Of a job that was recovered or adopted: what happened before is no news.
    "ALTER TABLE attempts ADD COLUMN tell_from TEXT",
    "UPDATE attempts SET told=1 WHERE exit IS NOT NULL",
    "CREATE INDEX attempts_to_tell ON attempts (told) WHERE exit IS NOT NULL AND told=0",
    "ALTER TABLE events ADD COLUMN told INTEGER NOT NULL DEFAULT 0",
    "UPDATE events SET told=1 WHERE code IN"
    " ('hang','disk_low','loss_spike','loss_plateau','kl_high','reward_collapse','reward_flat','lease_short',"
    "'lease_over','lease_unsaved')",
    "CREATE INDEX events_to_tell ON events (told) WHERE told=0 AND code IN"
    " ('hang','disk_low','loss_spike','loss_plateau','kl_high','reward_collapse','reward_flat','lease_short',"
    "'lease_over','lease_unsaved')",
)


def migrate(db: Database) -> None:
    """Adds the tables, the columns and their indexes."""
    for statement in STATEMENTS:
        db.execute(statement)
