"""Waiting and trying again in the mirror: what a host says of its line, and attempts that it begins by itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lt_agent.protocol import states
from lt_agent.protocol.records import ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.line_news import checked_line
from lt_controller.store import jobs, queue
from lt_controller.store.queue import InLine
from lt_controller.store.schema import open_writable
from lt_controller.wording import waits

END = ExitRecord(
    "failed", "oom", finished_at=1000.0, retry={"attempt": 2, "tried": 1, "at": 1060.0, "name": "checkpoint-5"}
)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = open_writable(":memory:")
    yield connection
    connection.close()


def submit(db: sqlite3.Connection, state: str = states.RUNNING, **fields: object) -> str:
    """A job on host `h` in this state, with three retries."""
    values = {"retries": 3, "priority": 4, **fields}
    spec = replace(JobSpec(new_ulid(), 1, "a", "me", "command", argv=("true",)), **values)  # type: ignore[arg-type]
    job = jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": "h"})
    jobs.set_state(db, job, 1, state)
    return job


def row(db: sqlite3.Connection, job: str) -> dict[str, object]:
    cursor = db.execute("SELECT state, attempt, priority, place, waits, retry_at, spec FROM jobs WHERE id=?", (job,))
    return dict(zip([item[0] for item in cursor.description], cursor.fetchone(), strict=True))


def test_a_place_and_a_reason_are_kept_while_the_job_waits(db: sqlite3.Connection) -> None:
    job = submit(db, states.WAITING)
    item = InLine(job, 1, 3, "turn", {"ahead": 2})
    queue.set_line(db, [item], 0.0)
    found = row(db, job)
    assert (found["place"], json.loads(str(found["waits"]))) == (3, {"code": "turn", "params": {"ahead": 2}})
    queue.set_line(db, [item._replace(attempt=2)], 0.0)
    assert row(db, job)["place"] == 3, "another attempt's place is not this one's"
    jobs.set_state(db, job, 1, states.PREPARING)
    queue.set_line(db, [item], 0.0)
    assert (row(db, job)["place"], row(db, job)["waits"]) == (None, None), "news that came late"


def test_a_retry_follows_in_the_transaction_that_ends_the_attempt(db: sqlite3.Connection) -> None:
    job = submit(db)
    db.execute(
        "INSERT INTO checkpoints (job_id, attempt, name, kind, size, resumable, manifest)"
        " VALUES (?,1,'checkpoint-5','checkpoint',1,1,'{}')",
        (job,),
    )
    jobs.end_attempt(db, job, 1, END, 0.5)
    assert queue.begin_retry(db, job, 1, END, 0.5)
    found = row(db, job)
    assert (found["state"], found["attempt"], found["priority"]) == (states.STAGING, 2, 4)
    assert found["retry_at"] == "1970-01-01T00:17:40.500000Z"
    spec = json.loads(str(found["spec"]))
    assert (spec["attempt"], spec["tried"], spec["not_before"]) == (2, 1, 1060.0)
    assert (spec["resume"]["attempt"], spec["resume"]["name"]) == (1, "checkpoint-5")
    assert [tuple(r) for r in db.execute("SELECT attempt, state FROM attempts ORDER BY attempt")] == [
        (1, "failed"),
        (2, "staging"),
    ]
    assert waits(json.loads(str(found["waits"])), lang="en").endswith("after: out of memory")
    assert not queue.begin_retry(db, job, 1, END, 0.5), "told twice, it is one"


def test_a_retry_from_a_checkpoint_that_nobody_has_heard_of_begins_where_the_attempt_did(
    db: sqlite3.Connection,
) -> None:
    job = submit(db)
    jobs.end_attempt(db, job, 1, END, 0.0)
    queue.begin_retry(db, job, 1, END, 0.0)
    assert json.loads(str(row(db, job)["spec"]))["resume"] is None


def test_a_host_begins_no_attempt_that_nobody_allowed(db: sqlite3.Connection) -> None:
    job = submit(db, retries=0)
    jobs.end_attempt(db, job, 1, END, 0.0)
    assert not queue.begin_retry(db, job, 1, END, 0.0)
    assert row(db, job)["state"] == "failed"


def test_a_resume_by_a_person_has_all_its_retries_before_it(db: sqlite3.Connection) -> None:
    job = submit(db, tried=3, not_before=99.0)
    jobs.end_attempt(db, job, 1, replace(END, retry=None), 0.0)
    jobs.new_attempt(db, job, None)
    spec = json.loads(str(row(db, job)["spec"]))
    assert (spec["tried"], spec["not_before"], spec["retries"]) == (0, 0.0, 3)


def test_a_priority_goes_into_what_is_still_to_be_sent(db: sqlite3.Connection) -> None:
    job = submit(db, states.QUEUED)
    queue.set_priority(db, job, -7)
    found = row(db, job)
    assert found["priority"] == -7 and json.loads(str(found["spec"]))["priority"] == -7


@pytest.mark.parametrize(
    "item",
    [
        7,
        {},
        {"job": "a", "attempt": "1"},
        {"job": "b", "attempt": 1, "place": 1, "waits": None},
        {"job": "a", "attempt": 1, "place": -1, "waits": None},
        {"job": "a", "attempt": 1, "place": 1, "waits": 5},
        {"job": "a", "attempt": 1, "place": 1, "waits": {"code": "\x1b[2J", "params": {}}},
        {"job": "a", "attempt": 1, "place": 1, "waits": {"code": "turn", "params": []}},
        {"job": "a", "attempt": 1, "place": 1, "waits": {"code": "turn", "params": {"x": "y" * 3000}}},
        {"job": "a", "attempt": 1, "place": 1, "waits": {"code": "turn", "params": {"x": float("nan")}}},
    ],
)
def test_what_a_host_says_of_its_line_is_checked(item: object) -> None:
    good = {"job": "a", "attempt": 1, "place": 2, "waits": {"code": "turn", "params": {"ahead": 1}}}
    assert checked_line([item, good], lambda job, attempt: job == "a") == [InLine("a", 1, 2, "turn", {"ahead": 1})]
    assert checked_line(item, lambda job, attempt: True) == []
