"""Data and cursor move together: no byte is lost, none is doubled, whatever is sent again."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_agent.protocol.records import JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import jobs, streams
from lt_controller.store.schema import open_writable


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writable(tmp_path / "lt.db")
    yield connection
    connection.close()


def make_job(db: sqlite3.Connection) -> str:
    spec = JobSpec(job=new_ulid(), attempt=1, name=f"j{random.random()}", owner="me", kind="command", argv=("true",))
    return jobs.take_submit(db, "intent", {"spec": to_dict(spec), "host": "h"})


def whole_log(db: sqlite3.Connection, job: str) -> bytes:
    return b"".join(row[0] for row in db.execute("SELECT data FROM logs WHERE job_id=? ORDER BY offset", (job,)))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=3000), st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 900))))
def test_log_pieces_sent_again_and_again_give_the_same_bytes(content: bytes, pieces: list[tuple[int, int]]) -> None:
    db = open_writable(":memory:")
    job = make_job(db)
    for start, size in pieces:
        cursor = streams.cursors(db, job, 1)["log"]
        offset = min(start, cursor)
        streams.add_log(db, job, 1, offset, content[offset : offset + size])
    cursor = streams.cursors(db, job, 1)["log"]
    streams.add_log(db, job, 1, cursor, content[cursor:])
    assert whole_log(db, job) == content
    db.close()


def test_a_gap_in_the_log_is_refused_and_changes_nothing(db: sqlite3.Connection) -> None:
    job = make_job(db)
    streams.add_log(db, job, 1, 0, b"abc")
    with pytest.raises(ValueError, match="missing"):
        streams.add_log(db, job, 1, 5, b"xyz")
    assert whole_log(db, job) == b"abc"
    assert streams.cursors(db, job, 1)["log"] == 3


def test_small_pieces_are_gathered_into_few_rows(db: sqlite3.Connection) -> None:
    job = make_job(db)
    for n in range(2000):
        streams.add_log(db, job, 1, n * 5, b"line\n")
    assert whole_log(db, job) == b"line\n" * 2000
    assert db.execute("SELECT count(*) FROM logs").fetchone()[0] < 5


def test_metrics_keep_nan_as_null_and_pass_over_what_is_no_metric(db: sqlite3.Connection) -> None:
    job = make_job(db)
    data = b'{"step": 1, "loss": 2.5, "time": 10}\nnot json\n{"step": 2, "loss": NaN, "text": "x"}\n[1]\n{"loss": 3}\n'
    bad = streams.add_metrics(db, job, 1, "metrics", 0, data, clock=0.0)
    assert bad == 2
    rows = db.execute("SELECT name, step, value FROM metrics WHERE job_id=? ORDER BY step", (job,)).fetchall()
    assert rows == [("loss", 0, 3.0), ("loss", 1, 2.5), ("loss", 2, None)]
    assert streams.cursors(db, job, 1)["metrics"] == len(data)


def test_an_integer_of_hundreds_of_digits_is_no_number(db: sqlite3.Connection) -> None:
    job, huge = make_job(db), b"9" * 400
    points = b'{"step": %s, "loss": 1}\n{"step": 1, "loss": %s, "time": %s}\n' % (huge, huge, huge)
    assert streams.add_metrics(db, job, 1, "metrics", 0, points, clock=0.0) == 1
    assert db.execute("SELECT step, value, time FROM metrics").fetchone()[:2] == (1, None)
    streams.add_events(db, job, 1, "h", 0, b'{"time": %s, "code": "a"}\n' % huge, 0.0)
    assert db.execute("SELECT code FROM events").fetchall() == [("unreadable_event",)]


def test_the_host_clock_is_corrected_in_stored_times(db: sqlite3.Connection) -> None:
    job = make_job(db)
    streams.add_metrics(db, job, 1, "metrics", 0, b'{"step": 1, "loss": 1, "time": 86400}\n', clock=-86400.0)
    assert db.execute("SELECT time FROM metrics").fetchone()[0] == "1970-01-01T00:00:00.000000Z"


def test_events_are_numbered_by_their_byte_offset(db: sqlite3.Connection) -> None:
    job = make_job(db)
    first, second = b'{"time":1,"code":"a","params":{}}\n', b"garbage\n"
    streams.add_events(db, job, 1, "h", 0, first + second, 0.0)
    streams.add_events(db, job, 1, "h", 0, first + second, 0.0)
    rows = db.execute("SELECT seq, code FROM events WHERE job_id=? ORDER BY seq", (job,)).fetchall()
    assert rows == [(0, "a"), (len(first), "unreadable_event")]
