"""The outbox reads what nobody has looked at, and nothing else, however much has been told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from lt_controller.store import notices
from lt_controller.store.schema import open_writable


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = open_writable(":memory:")
    yield connection
    connection.close()


def test_what_was_looked_at_is_not_read_again(db: sqlite3.Connection) -> None:
    read: list[str] = []
    db.set_trace_callback(read.append)
    assert not notices.waiting(db)
    notices.collect(db, lambda *about: ["a"])
    notices.pending(db)
    db.set_trace_callback(None)
    asked = [sql for sql in read if sql.startswith("SELECT")]
    assert len(asked) == 5
    for sql in asked:
        steps = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql)]
        assert not [step for step in steps if step.startswith("SCAN") and "INDEX" not in step], (sql, steps)


def test_a_thing_is_noticed_once_and_by_who_wants_it(db: sqlite3.Connection) -> None:
    about = (None, "", None, "a", "")

    def add(key: str, *channels: str) -> bool:
        return notices.add(db, lambda *_: channels, key, "lease", "lease", "2026-11-22T00:00:00Z", {}, about)

    assert add("one", "x", "y") and not add("one", "x") and not add("two")
    assert [(item.channel, item.notice.id) for item in notices.pending(db)] == [("x", 1), ("y", 1)]
    notices.sent(db, "x", [1])
    notices.drop_unknown(db, ["x"])
    assert notices.pending(db) == []
    assert [row[0] for row in db.execute("SELECT state FROM deliveries ORDER BY channel")] == ["sent", "dropped"]


def test_old_notices_are_forgotten_but_for_those_that_wait(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "KEPT", 3)
    for number in range(8):
        notices.add(db, lambda *_: ["x"], str(number), "lease", "lease", "", {}, (None, "", None, "a", ""))
    notices.sent(db, "x", [1, 3, 4, 5, 6, 7, 8])
    assert [row[0] for row in db.execute("SELECT id FROM notices ORDER BY id")] == [2, 6, 7, 8]
    assert db.execute("SELECT count(*) FROM deliveries").fetchone() == (4,)
