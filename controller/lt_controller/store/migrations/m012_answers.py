"""What services answered is kept without their words: an older lt stored them as they came, addresses of bots too."""

from __future__ import annotations

from sqlite_utils import Database


def migrate(db: Database) -> None:
    """Takes the answers out of what went wrong."""
    db.execute(
        "UPDATE deliveries SET error=json_remove(error, '$.params.answer')"
        " WHERE json_valid(error) AND json_extract(error, '$.params.answer') IS NOT NULL"
    )
