"""The audit: appended in the transaction of the act, chained by hashes, and never changed without a trace."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from lt_controller.client import Client
from lt_controller.store import audit
from lt_controller.store.audit import BEGINNING, COLUMNS, Row
from lt_controller.store.schema import open_writable


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Connection:
    connection = open_writable(tmp_path / "lt.db")
    for number in range(5):
        audit.record(connection, "ann@laptop", "stop", f"job-{number}", {"grace": number}, f"lt stop job-{number}")
    return connection


def rows(db: sqlite3.Connection) -> list[Row]:
    return [Row(*row) for row in db.execute(f"SELECT {COLUMNS} FROM audit ORDER BY seq")]


def unguarded(db: sqlite3.Connection) -> sqlite3.Connection:
    """As somebody with a hex editor would have it."""
    for name in ("audit_never_changes", "audit_never_forgets", "audit_only_grows"):
        db.execute(f"DROP TRIGGER {name}")
    return db


def test_each_row_seals_the_one_before_it(db: sqlite3.Connection) -> None:
    found = rows(db)
    assert found[0].previous == BEGINNING
    assert [row.previous for row in found[1:]] == [row.hash for row in found[:-1]]
    assert audit.check(found) == (5, found[-1].hash, 0, "")


def test_the_hash_can_be_worked_out_without_lt(db: sqlite3.Connection) -> None:
    row = rows(db)[3]
    content = {"seq": 4, "time": row.time, "who": "ann@laptop", "act": "stop", "target": "job-3"}
    content |= {"params": '{"grace": 3}', "command": "lt stop job-3"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert row.hash == hashlib.sha256((row.previous + text).encode()).hexdigest()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who='bob' WHERE seq=2",
        "DELETE FROM audit WHERE seq=5",
        "INSERT OR REPLACE INTO audit (seq, time, who, act) VALUES (2, 'x', 'bob', 'stop')",
        "INSERT INTO audit (seq, time, who, act) VALUES (9, 'x', 'bob', 'stop')",
    ],
)
def test_the_database_refuses_to_change_what_is_written(db: sqlite3.Connection, statement: str) -> None:
    before = rows(db)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    assert rows(db) == before


@pytest.mark.parametrize("column", ["time", "who", "act", "target", "params", "command"])
def test_a_changed_row_is_found_whatever_was_changed(db: sqlite3.Connection, column: str) -> None:
    unguarded(db).execute(f"UPDATE audit SET {column}='other' WHERE seq=3")
    verdict = audit.check(rows(db))
    assert (verdict.broken, verdict.why) == (3, "changed")


def test_a_row_that_was_taken_out_is_found(db: sqlite3.Connection) -> None:
    unguarded(db).execute("DELETE FROM audit WHERE seq=3")
    assert audit.check(rows(db))[2:] == (4, "missing")
    db.execute("UPDATE audit SET seq=seq-1 WHERE seq>3")
    assert audit.check(rows(db))[2:] == (3, "unchained")


@pytest.mark.parametrize("seq", [0, -1, -(1 << 63)])
def test_a_row_put_in_before_the_first_is_found(db: sqlite3.Connection, tmp_path: Path, seq: int) -> None:
    forged = Row(seq, "2026-01-01T00:00:00Z", "bob@laptop", "submit", "job", "{}", "lt submit", BEGINNING, "")
    unguarded(db).execute(
        f"INSERT INTO audit ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", forged._replace(hash=audit.row_hash(forged))
    )
    assert audit.check(rows(db))[2:] == (1, "planted")
    client = Client(tmp_path)  # as a person asks: `lt audit` shows that row, so `--verify` must not pass over it
    assert client.audit()[0].seq == seq
    state = client.verify_audit()
    assert not state.whole and (state.broken, state.why) == (1, "planted")
    client.close()


@pytest.mark.parametrize("column", ["who", "target", "params", "command"])
def test_a_value_that_is_no_text_is_found_and_not_stumbled_over(
    db: sqlite3.Connection, tmp_path: Path, column: str
) -> None:
    unguarded(db).execute(f"UPDATE audit SET {column}=x'00ff' WHERE seq=3")
    assert audit.check(rows(db))[2:] == (3, "changed")
    client = Client(tmp_path)
    assert len(client.audit()) == 5 and client.verify_audit().broken == 3
    assert client.export_audit("json", tmp_path / "a.json") == client.export_audit("csv", tmp_path / "a.csv") == 5
    client.close()


def test_a_row_with_a_hash_of_its_own_breaks_the_next(db: sqlite3.Connection) -> None:
    forged = rows(db)[2]._replace(who="bob@laptop")
    unguarded(db).execute("UPDATE audit SET who=?, hash=? WHERE seq=3", (forged.who, audit.row_hash(forged)))
    assert audit.check(rows(db))[2:] == (4, "unchained")


def test_words_that_are_no_text_are_recorded_all_the_same(db: sqlite3.Connection) -> None:
    audit.record(db, "ann@laptop", "run", "job", {}, b"lt run x -- \xff".decode("utf-8", "surrogateescape"))
    assert rows(db)[-1].command == "lt run x -- \\udcff"
    assert audit.check(rows(db)).broken == 0
