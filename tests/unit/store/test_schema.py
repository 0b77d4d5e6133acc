"""Opening the database: up to date, cheap when it is, and clear when it can't be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.store import schema


def test_the_list_of_migrations_is_the_list_of_migrations() -> None:
    from sqlite_utils import Database

    from lt_controller.store.migrations import migrations

    assert tuple(found.name for found in migrations.pending(Database(memory=True))) == schema.MIGRATIONS


def test_opening_an_up_to_date_database_imports_no_sqlite_utils(tmp_path: Path) -> None:
    path = tmp_path / "with 'quote' and space.db"
    schema.open_writable(path).close()
    code = (
        "import sys; from lt_controller.store.schema import open_writable; open_writable(sys.argv[1]);"
        "sys.exit('sqlite_utils' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == 0


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lt.db"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with pytest.raises(LtError, match="database_unreadable"):
        schema.open_writable(path)


def test_a_database_of_a_newer_lt_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lt.db"
    connection = schema.open_writable(path)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('lt', 'm999_future', '')"
    )
    connection.close()
    with pytest.raises(LtError, match="newer"):
        schema.open_writable(path)
