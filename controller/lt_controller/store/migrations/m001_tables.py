"""The first shape of the database."""

from __future__ import annotations

from sqlite_utils import Database

TABLES = """
CREATE TABLE hosts (
    name TEXT PRIMARY KEY, state TEXT NOT NULL DEFAULT 'unknown', error TEXT, last_seen TEXT, next_try_at TEXT,
    failures INTEGER NOT NULL DEFAULT 0, agent TEXT, clock_offset REAL, activity TEXT
);
CREATE TABLE facts (host TEXT NOT NULL, time TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (host, time));
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, host TEXT NOT NULL, recipe TEXT, method TEXT, kind TEXT NOT NULL,
    owner TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, message TEXT, pull_state TEXT NOT NULL DEFAULT 'none',
    attempt INTEGER NOT NULL DEFAULT 1, step INTEGER, total_steps INTEGER, created_at TEXT NOT NULL, started_at TEXT,
    finished_at TEXT, exit_code INTEGER, spec TEXT NOT NULL, pull TEXT NOT NULL DEFAULT '{}',
    removed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE TABLE attempts (
    job_id TEXT NOT NULL REFERENCES jobs (id), attempt INTEGER NOT NULL, host TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT, log_cursor INTEGER NOT NULL DEFAULT 0, events_cursor INTEGER NOT NULL DEFAULT 0,
    metrics_cursor INTEGER NOT NULL DEFAULT 0, samples_cursor INTEGER NOT NULL DEFAULT 0, exit TEXT, resume TEXT,
    started_at TEXT, finished_at TEXT, kept INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (job_id, attempt)
);
CREATE TABLE events (
    job_id TEXT, attempt INTEGER, seq INTEGER NOT NULL, code TEXT NOT NULL, params TEXT NOT NULL DEFAULT '{}',
    time TEXT NOT NULL, host TEXT, PRIMARY KEY (job_id, attempt, seq)
);
CREATE TABLE logs (
    job_id TEXT NOT NULL, attempt INTEGER NOT NULL, offset INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (job_id, attempt, offset)
);
CREATE TABLE metrics (
    job_id TEXT NOT NULL, attempt INTEGER NOT NULL, name TEXT NOT NULL, step INTEGER NOT NULL, value REAL, time TEXT,
    PRIMARY KEY (job_id, attempt, name, step)
) WITHOUT ROWID;
CREATE TABLE checkpoints (
    job_id TEXT NOT NULL, attempt INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER, metric REAL,
    best INTEGER NOT NULL DEFAULT 0, resumable INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL, created_at TEXT,
    host_state TEXT NOT NULL DEFAULT 'present', pull_state TEXT NOT NULL DEFAULT 'none', path TEXT, error TEXT,
    manifest TEXT NOT NULL, PRIMARY KEY (job_id, attempt, name)
);
CREATE TABLE datasets (
    name TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, files INTEGER NOT NULL, source TEXT,
    created_at TEXT NOT NULL, PRIMARY KEY (name, digest)
);
CREATE TABLE data_on_hosts (
    host TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, time TEXT NOT NULL, PRIMARY KEY (host, name, digest)
);
CREATE TABLE intents (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, job_id TEXT, params TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'pending', error TEXT, created_at TEXT NOT NULL, done_at TEXT
);
CREATE INDEX intents_by_state ON intents (state);
CREATE TABLE transfers (
    id TEXT PRIMARY KEY, job_id TEXT, host TEXT NOT NULL, direction TEXT NOT NULL, what TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, files INTEGER NOT NULL DEFAULT 0,
    started_at TEXT NOT NULL, updated_at TEXT NOT NULL, state TEXT NOT NULL
);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL, target TEXT,
    params TEXT NOT NULL DEFAULT '{}'
);
"""


def migrate(db: Database) -> None:
    """Makes the tables."""
    for statement in TABLES.split(";"):
        if statement.strip():
            db.execute(statement)
