"""Opening the database: up to date, cheap when it is, and clear when it can't be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.store import schema
from lt_controller.store.migrations import NAMES


def test_every_migration_is_applied_once_in_the_order_of_the_names(tmp_path: Path) -> None:
    connection = schema.open_writable(tmp_path / "lt.db")
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set='lt' ORDER BY rowid")
    assert tuple(row[0] for row in rows) == NAMES
    assert tuple(sorted(NAMES)) == NAMES
    schema.open_writable(tmp_path / "lt.db").close()


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
    with pytest.raises(LtError, match="database_damaged"):
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


def test_what_services_answered_before_it_was_masked_is_kept_no_longer(tmp_path: Path) -> None:
    from sqlite_utils import Database

    from lt_controller.store.migrations.m012_answers import migrate

    db = schema.open_writable(tmp_path / "lt.db")
    for number, error in enumerate(('{"code": "notify_refused", "params": {"status": 404, "answer": "/T0/B1"}}', None)):
        db.execute(
            "INSERT INTO notices (id, key, kind, code, time, created_at) VALUES (?,?,'failed','failed','','')",
            (number, str(number)),
        )
        db.execute("INSERT INTO deliveries (notice, channel, error) VALUES (?,'c',?)", (number, error))
    migrate(Database(db))
    found = [row[0] for row in db.execute("SELECT error FROM deliveries ORDER BY notice")]
    assert found == ['{"code":"notify_refused","params":{"status":404}}', None]
