"""Sweeps and their trials. A trial's job id is written down before its job is submitted."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    # `plan` is what was asked for, as `client/sweeping.py` makes it: the order of a trial's job, the section `sweep:`.
    "CREATE TABLE sweeps (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, hosts TEXT NOT NULL, recipe TEXT,"
    " state TEXT NOT NULL, error TEXT, plan TEXT NOT NULL, created_at TEXT NOT NULL, finished_at TEXT)",
    "CREATE INDEX sweeps_open ON sweeps (state) WHERE state IN ('running', 'stopping')",
    "CREATE TABLE trials (sweep_id TEXT NOT NULL REFERENCES sweeps (id), number INTEGER NOT NULL,"
    " job_id TEXT NOT NULL UNIQUE, job_name TEXT NOT NULL, params TEXT NOT NULL, state TEXT NOT NULL, value REAL,"
    " step INTEGER, judged INTEGER NOT NULL DEFAULT -1, error TEXT, created_at TEXT NOT NULL, finished_at TEXT,"
    " PRIMARY KEY (sweep_id, number))",
)


def migrate(db: Database) -> None:
    """Makes the tables."""
    for statement in STATEMENTS:
        db.execute(statement)
