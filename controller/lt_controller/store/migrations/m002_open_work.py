"""What is asked many times a minute reads open work alone, however many jobs have ended; what a person asked for is
known from what a policy brings."""

from __future__ import annotations

from sqlite_utils import Database

STATEMENTS = (
    "ALTER TABLE checkpoints ADD COLUMN asked INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX checkpoints_waiting ON checkpoints (pull_state) WHERE pull_state IN ('pending','pulling')",
    "CREATE INDEX checkpoints_failed ON checkpoints (pull_state) WHERE pull_state='failed'",
    "CREATE INDEX attempts_open ON attempts (host) WHERE exit IS NULL",
    "CREATE INDEX attempts_to_keep ON attempts (kept) WHERE exit IS NOT NULL AND kept=0",
)


def migrate(db: Database) -> None:
    """Adds a column and the partial indexes."""
    for statement in STATEMENTS:
        db.execute(statement)
