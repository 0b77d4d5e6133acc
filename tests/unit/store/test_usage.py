"""Samples of hosts: means that stay true while they are thinned, and a size that has an end."""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lt_controller.store import streams, usage
from lt_controller.store.schema import open_writable
from lt_controller.store.usage import DAY, HOUR, LEVELS
from support.steady import STEADY

NOW = 1_790_000_000.0


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = open_writable(":memory:")
    yield connection
    connection.close()


@functools.cache
def _shared() -> sqlite3.Connection:
    """One for all examples of a property: making a database takes longer than the test."""
    return open_writable(":memory:")


def thin_all(db: sqlite3.Connection, now: float, host: str = "box") -> int:
    """Thins to the end; how many steps that took."""
    steps = 1
    while usage.thin(db, host, now):
        steps += 1
    return steps


def rows(db: sqlite3.Connection, name: str = "cpu") -> list[tuple[int, int, float, int]]:
    return db.execute("SELECT span, time, value, n FROM usage WHERE name=? ORDER BY time", (name,)).fetchall()


def test_a_mean_of_a_minute_is_that_of_its_samples(db: sqlite3.Connection) -> None:
    start = NOW // 60 * 60 - 7200
    for n in range(6):
        usage.add(db, "box", start + 10 * n, {"cpu": 10 * n, "gpu": 50}, start + 60)
    assert len(rows(db)) == 6
    thin_all(db, start + 60)
    assert len(rows(db)) == 6, "not before they are an hour old"
    thin_all(db, start + HOUR + 60)
    assert rows(db) == [(60, start, 25.0, 6)]
    thin_all(db, start + 40 * DAY)
    assert [(span, n) for span, _, _, n in rows(db)] == [(HOUR, 6)]
    thin_all(db, start + 400 * DAY)
    assert rows(db) == []


def test_what_comes_late_goes_where_it_belongs_and_joins_what_is_there(db: sqlite3.Connection) -> None:
    for age, span in ((5, 10), (2 * HOUR, 60), (2 * DAY, 600), (60 * DAY, HOUR)):
        usage.add(db, "box", NOW - age, {"cpu": 20}, NOW)
        usage.add(db, "box", NOW - age, {"cpu": 40}, NOW)
        assert (span, 30.0, 2) in [(row[0], row[2], row[3]) for row in rows(db)]
    before = rows(db)
    usage.add(db, "box", NOW - 500 * DAY, {"cpu": 1}, NOW)
    usage.add(db, "box", NOW + HOUR, {"cpu": 1}, NOW)  # no more than a clock that is a little off
    assert rows(db) == before


@pytest.mark.parametrize("value", [True, None, "9", float("nan"), float("inf"), 10**400, [], {}])
def test_what_is_no_number_is_passed_over(db: sqlite3.Connection, value: object) -> None:
    usage.add(db, "box", NOW, {"cpu": value, "own/name": 5, "disk": 250, "memory": -3}, NOW)
    assert rows(db) == []
    assert db.execute("SELECT name, value FROM usage ORDER BY name").fetchall() == [("disk", 100.0), ("memory", 0.0)]


def test_a_year_of_samples_has_a_bounded_size_and_no_step_takes_long(db: sqlite3.Connection) -> None:
    """A host that was never thinned and sent all it could: the worst that a controller may find."""
    days = 3
    db.executemany(
        "INSERT INTO usage VALUES ('box','cpu',10,?,50.0,1)",
        [(int(NOW) // 10 * 10 - 10 * n,) for n in range(days * DAY // 10)],
    )
    counts = [days * DAY // 10]
    while usage.thin(db, "box", NOW):
        counts.append(db.execute("SELECT count(*) FROM usage").fetchone()[0])
    assert all(one - other <= usage.AT_ONCE for one, other in itertools.pairwise(counts))
    db.executemany(
        "INSERT OR IGNORE INTO usage VALUES ('box','cpu',?,?,50.0,1)",
        [
            (level.span, int(NOW) // level.span * level.span - level.span * n)
            for level in LEVELS
            for n in range(2 * level.age // level.span)
        ],
    )
    thin_all(db, NOW)
    total = db.execute("SELECT count(*) FROM usage").fetchone()[0]
    assert total <= sum(level.age // level.span + longer.span // level.span + 1
                        for level, longer in zip(LEVELS, (*LEVELS[1:], LEVELS[-1]), strict=True)) < 15_100  # fmt: skip
    assert {row[0] for row in rows(db)} == {level.span for level in LEVELS}


@STEADY
@given(st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(0, 100)), min_size=1, max_size=40), st.integers(0, 60))
def test_thinning_loses_no_sample_and_changes_no_sum(samples: list[tuple[int, int]], days: int) -> None:
    db = _shared()
    db.execute("DELETE FROM usage")
    for age, value in samples:
        usage.add(db, "box", NOW - age, {"cpu": value}, NOW)
    thin_all(db, NOW + days * DAY)
    found = rows(db)
    assert sum(n for *_, n in found) == len(samples)
    assert sum(value * n for _, _, value, n in found) == pytest.approx(sum(value for _, value in samples))


def test_hosts_are_found_by_their_samples(db: sqlite3.Connection) -> None:
    assert usage.hosts(db) == []
    for host in ("b", "a", "c"):
        usage.add(db, host, NOW, {"cpu": 5, "gpu": 1}, NOW)
    assert usage.hosts(db) == ["a", "b", "c"]


def test_a_jobs_samples_tell_of_its_host_too(db: sqlite3.Connection) -> None:
    import time

    db.execute(
        "INSERT INTO jobs (id, name, host, kind, owner, state, created_at, spec)"
        " VALUES ('j','j','box','c','m','x','','')"
    )
    db.execute("INSERT INTO attempts (job_id, attempt, host, state) VALUES ('j', 1, 'box', 'running')")
    now = time.time()
    lines = f'{{"step": 3, "time": {now}, "sys/cpu": 90.5, "host/cpu": 45.0, "host/disk": 70}}\n'.encode()
    streams.add_metrics(db, "j", 1, "samples", 0, lines, 0.0)
    assert [row[2] for row in rows(db)] == [45.0]
    assert db.execute("SELECT name FROM metrics").fetchall() == [("sys/cpu",)]
    streams.add_metrics(db, "j", 1, "samples", 0, lines, 0.0)
    assert [row[3] for row in rows(db)] == [1], "a piece that comes again is not counted again"
