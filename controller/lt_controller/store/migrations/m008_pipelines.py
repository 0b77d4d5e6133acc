"""Pipelines, and their stages: each fixed when a person asked for it, with the id of the job that it becomes."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    "CREATE TABLE pipelines (id TEXT PRIMARY KEY, name TEXT NOT NULL, file TEXT NOT NULL, params TEXT NOT NULL,"
    " state TEXT NOT NULL, by TEXT NOT NULL, created_at TEXT NOT NULL, finished_at TEXT)",
    # `work` is a `client.orders.Order`; `error` tells why its submit was refused, `waits` why it is not submitted yet.
    "CREATE TABLE stages (pipeline TEXT NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " place INTEGER NOT NULL, host TEXT NOT NULL, needs TEXT NOT NULL, work TEXT NOT NULL, digest TEXT NOT NULL,"
    " job_id TEXT NOT NULL, job_name TEXT NOT NULL, error TEXT, waits TEXT, PRIMARY KEY (pipeline, name))",
    "CREATE INDEX pipelines_going_on ON pipelines (state) WHERE state IN ('running', 'stopping')",
)


def migrate(db: Database) -> None:
    """Adds two tables and an index."""
    for statement in STATEMENTS:
        db.execute(statement)
