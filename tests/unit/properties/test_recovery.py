"""A spool that is cut anywhere, read in any pieces, over and over, gives a database that agrees with it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lt_agent.protocol import states
from lt_agent.protocol.records import JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.intake import _take_events
from lt_controller.store import jobs, streams
from lt_controller.store.schema import open_writable
from support.steady import STEADY

STATES = ("waiting", "preparing", "running", "stopping")
EVENTS = st.lists(st.sampled_from([*STATES, "checkpoint", "plan"]), max_size=8)
POINTS = st.lists(st.tuples(st.integers(0, 30), st.floats(allow_nan=False, allow_infinity=False)), max_size=12)
CUTS = st.lists(st.integers(1, 60), max_size=30)


@given(st.binary(max_size=400), EVENTS, POINTS, CUTS, st.integers(0, 2000))
@settings(STEADY, max_examples=30)
def test_any_prefix_of_a_spool_yields_a_consistent_database(
    log: bytes, told: list[str], points: list[tuple[int, float]], cuts: list[int], length: int
) -> None:
    spool = {"log": log, "events": _events(told), "metrics": _metrics(points)}
    prefix = {name: data[:length] for name, data in spool.items()}
    db, job = _database()
    try:
        _read(db, job, prefix, cuts)
        _agrees(db, job, prefix)
        _read(db, job, prefix, cuts[::-1])  # all of it once more, as after a lost answer
        _agrees(db, job, prefix)
        _read(db, job, spool, cuts)  # and the rest of it
        _agrees(db, job, spool)
    finally:
        db.close()


@given(st.integers(1, 500), st.binary(min_size=1, max_size=50))
@settings(STEADY, max_examples=10)
def test_a_gap_is_refused_and_changes_nothing(gap: int, data: bytes) -> None:
    db, job = _database()
    try:
        streams.add_log(db, job, 1, 0, b"begun")
        for stream in ("log", "events", "metrics"):
            before = list(db.iterdump())
            try:
                _add(db, job, stream, streams.cursors(db, job, 1)[stream] + gap, data)
            except ValueError:
                assert list(db.iterdump()) == before
            else:
                raise AssertionError(f"a gap in {stream} was taken")
    finally:
        db.close()


def _read(db: sqlite3.Connection, job: str, spool: dict[str, bytes], cuts: list[int]) -> None:
    """Sends the spool from its beginning in pieces as a bridge does: events and metrics by whole lines."""
    for stream, data in spool.items():
        at = 0
        for cut in [*cuts, len(data)]:
            end = min(len(data), at + cut)
            if stream != "log":
                end = max(data.rfind(b"\n", 0, end) + 1, at)
            if end > at:
                _add(db, job, stream, at, data[at:end])
                at = end


def _add(db: sqlite3.Connection, job: str, stream: str, offset: int, data: bytes) -> None:
    if stream == "log":
        streams.add_log(db, job, 1, offset, data)
    elif stream == "events":
        _take_events(db, job, 1, "h", offset, data, 0.0)
    else:
        streams.add_metrics(db, job, 1, stream, offset, data, 0.0)


def _agrees(db: sqlite3.Connection, job: str, spool: dict[str, bytes]) -> None:
    rows = db.execute("SELECT offset, data FROM logs WHERE job_id=? ORDER BY offset", (job,)).fetchall()
    assert b"".join(bytes(data) for _, data in rows) == spool["log"]
    whole = _whole_lines(spool["events"])
    assert db.execute("SELECT count(*) FROM events WHERE seq >= 0").fetchone()[0] == len(whole)
    expected = {value["step"]: value["loss"] for value in _whole_lines(spool["metrics"])}
    assert dict(db.execute("SELECT step, value FROM metrics WHERE name='loss'").fetchall()) == expected
    state = db.execute("SELECT state FROM jobs").fetchone()[0]
    assert state == _state_after([event["params"].get("state") for event in whole if event["code"] == "state"])


def _state_after(told: list[str]) -> str:
    state = states.QUEUED
    for word in told:
        state = word if states.can_transition(state, word) else state
    return state


def _events(told: list[str]) -> bytes:
    lines = []
    for number, word in enumerate(told):
        params: dict[str, Any] = {"state": word} if word in STATES else {"total_steps": number, "name": word}
        code = "state" if word in STATES else word
        lines.append(json.dumps({"time": number, "code": code, "params": params}))
    return "".join(line + "\n" for line in lines).encode()


def _metrics(points: list[tuple[int, float]]) -> bytes:
    return "".join(json.dumps({"step": step, "loss": value}) + "\n" for step, value in points).encode()


def _whole_lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def _database() -> tuple[sqlite3.Connection, str]:
    db = open_writable(":memory:")
    spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",))
    jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": "h"})
    return db, spec.job
