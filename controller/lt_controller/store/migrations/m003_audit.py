"""The audit's rows are chained by hashes, and the database itself refuses to change or delete one."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    "ALTER TABLE audit ADD COLUMN command TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit ADD COLUMN previous TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
    "CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    "CREATE TRIGGER audit_never_forgets BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    # INSERT OR REPLACE deletes a row without asking the trigger above.
    "CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit"
    " WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
)


def migrate(db: Database) -> None:
    """Adds the columns of the chain and the triggers."""
    for statement in STATEMENTS:
        db.execute(statement)
