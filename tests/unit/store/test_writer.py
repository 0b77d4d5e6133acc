"""The one writer: order, isolation of a fault, back-pressure, and a commit before anybody is told."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from lt_controller.store import checkpointer
from lt_controller.store.writer import MAX_WAITING_BYTES, Writer


def put(db, name):
    db.execute("INSERT INTO hosts (name) VALUES (?)", (name,))
    return name


def boom(db):
    db.execute("INSERT INTO hosts (name) VALUES ('half')")
    raise RuntimeError("on purpose")


def names(path):
    with sqlite3.connect(path) as db:
        return [row[0] for row in db.execute("SELECT name FROM hosts ORDER BY rowid")]


def test_what_raises_undoes_itself_alone(tmp_path):
    writer = Writer(tmp_path / "lt.db")
    first, bad, last = writer.add("", put, "a"), writer.add("", boom), writer.add("", put, "b")
    assert (first.result(), last.result()) == ("a", "b")
    with pytest.raises(RuntimeError):
        bad.result()
    writer.close()
    assert names(tmp_path / "lt.db") == ["a", "b"]


def test_a_result_means_committed(tmp_path):
    writer = Writer(tmp_path / "lt.db")
    for n in range(50):
        writer.run("", put, str(n))
        assert names(tmp_path / "lt.db")[-1] == str(n)
    writer.close()


def test_listeners_hear_the_topics_after_the_commit(tmp_path):
    heard = []
    seen = threading.Event()

    def listen(topics):
        heard.append((topics, names(tmp_path / "lt.db")))
        seen.set()

    writer = Writer(tmp_path / "lt.db", listen)
    writer.run("hosts", put, "a")
    assert seen.wait(5)
    assert heard == [({"hosts"}, ["a"])]
    writer.close()


def test_whoever_adds_more_than_fits_waits_until_there_is_room(tmp_path):
    writer = Writer(tmp_path / "lt.db")
    gate, entered = threading.Event(), threading.Event()

    def hold(db):
        entered.set()
        gate.wait(10)

    writer.add("", hold)
    assert entered.wait(5)
    writer.add("", put, "big", weight=MAX_WAITING_BYTES)
    added = threading.Event()
    thread = threading.Thread(target=lambda: (writer.add("", put, "late", weight=1), added.set()))
    thread.start()
    assert not added.wait(0.2)
    gate.set()
    assert added.wait(5)
    thread.join()
    writer.close()
    assert names(tmp_path / "lt.db") == ["big", "late"]


def test_whoever_adds_after_the_close_is_refused_and_does_not_wait_for_ever(tmp_path):
    writer = Writer(tmp_path / "lt.db")
    writer.close()
    for weight in (0, MAX_WAITING_BYTES, MAX_WAITING_BYTES):
        with pytest.raises(sqlite3.ProgrammingError):
            writer.add("", put, "late", weight=weight).result(5)
    assert names(tmp_path / "lt.db") == []


def test_a_fault_of_the_database_fails_its_batch_and_the_writer_goes_on(tmp_path):
    writer = Writer(tmp_path / "lt.db")

    def fill_the_disk(db):
        # What SQLite does on a full disk: the whole transaction is gone, savepoints included.
        db.execute("PRAGMA max_page_count=1")
        put(db, "x" * 100_000)

    with pytest.raises(sqlite3.OperationalError):
        writer.add("", fill_the_disk).result(5)
    writer.add("", lambda db: db.execute("PRAGMA max_page_count=1000000").fetchone()).result(5)
    assert writer.add("", put, "after").result(5) == "after"
    writer.close()
    assert names(tmp_path / "lt.db") == ["after"]


def test_the_write_ahead_log_stays_short_under_writes_without_pause(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpointer, "EVERY", 1 << 20)
    monkeypatch.setattr(checkpointer, "LIMIT", 4 << 20)
    writer = Writer(tmp_path / "lt.db")
    longest = 0
    for n in range(800):  # 200 MiB
        writer.add("", put, f"{n:010}" + "x" * (1 << 18), weight=1 << 18)
        longest = max(longest, (tmp_path / "lt.db-wal").stat().st_size)
    writer.close()
    assert longest < 150 << 20


def test_reading_sees_what_was_added_before_and_needs_no_lock(tmp_path):
    path = tmp_path / "lt.db"
    writer = Writer(path)
    writer.add("", put, "a")
    assert writer.read(count) == 1
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # as a client that submits
        assert writer.read(count) == 1
        other.execute("ROLLBACK")
    other.close()
    writer.close()


def count(db):
    return db.execute("SELECT count(*) FROM hosts").fetchone()[0]
