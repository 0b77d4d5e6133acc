"""The state machine, whatever words come in whatever order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import jobs
from lt_controller.store.schema import open_writable
from support.steady import STEADY

WORDS = st.sampled_from(states.STATES)
# What may be told of an attempt, by the host or by the laptop: a state, an end, a resume.
NEWS = st.one_of(
    st.tuples(st.just("state"), WORDS),
    st.tuples(st.just("end"), st.sampled_from(sorted(states.RESTING))),
    st.tuples(st.just("resume"), st.just("")),
)


@given(st.lists(WORDS, max_size=12))
@settings(STEADY)
def test_no_order_of_words_leaves_an_end_except_by_a_new_attempt(words: list[str]) -> None:
    state = states.QUEUED
    for word in words:
        if states.can_transition(state, word):
            assert state not in states.RESTING or word == states.QUEUED or (state, word) == ("paused", "cancelled")
            state = word


@given(WORDS, WORDS, WORDS)
@settings(STEADY)
def test_work_never_goes_backwards(a: str, b: str, c: str) -> None:
    """Of three states that follow each other, no two are the same unless a new attempt lies between."""
    if states.can_transition(a, b) and states.can_transition(b, c) and states.QUEUED not in (b, c):
        assert len({a, b, c}) == 3


@given(st.lists(NEWS, max_size=16))
@example([("end", "cancelled"), ("state", "queued")])  # a host that tells of an ended attempt that it waits
@settings(STEADY, max_examples=30)
def test_any_news_in_any_order_leaves_a_job_and_its_attempts_in_agreement(news: list[tuple[str, str]]) -> None:
    with _database() as (db, job):
        for kind, word in news:
            attempt = db.execute("SELECT attempt FROM jobs WHERE id=?", (job,)).fetchone()[0]
            before = db.execute("SELECT count(*) FROM attempts WHERE exit IS NOT NULL").fetchone()[0]
            if kind == "state":
                jobs.set_state(db, job, attempt, word)
            elif kind == "end":
                jobs.end_attempt(db, job, attempt, ExitRecord(word, "said"), 0.0)
            else:
                _try_to_resume(db, job)
            _agree(db, job)
            after = db.execute("SELECT count(*) FROM attempts WHERE exit IS NOT NULL").fetchone()[0]
            assert after >= before, "an outcome was taken back"


def _try_to_resume(db: sqlite3.Connection, job: str) -> None:
    resting = db.execute("SELECT state FROM jobs WHERE id=?", (job,)).fetchone()[0] in states.RESTING
    try:
        jobs.new_attempt(db, job, None)
    except LtError as error:
        assert error.code == "job_not_resting" and not resting
    else:
        assert resting


def _agree(db: sqlite3.Connection, job: str) -> None:
    state, attempt = db.execute("SELECT state, attempt FROM jobs WHERE id=?", (job,)).fetchone()
    rows = db.execute("SELECT attempt, state, exit FROM attempts WHERE job_id=? ORDER BY attempt", (job,)).fetchall()
    assert [row[0] for row in rows] == list(range(1, attempt + 1))
    assert rows[-1][1] == state
    for number, word, outcome in rows:
        assert (word in states.RESTING) == (outcome is not None), (
            "an end without its record, or a record without an end"
        )
        assert number == attempt or outcome is not None, "two attempts of one job are alive"


@contextmanager
def _database() -> Iterator[tuple[sqlite3.Connection, str]]:
    db = open_writable(":memory:")
    spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",))
    jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": "h"})
    try:
        yield db, spec.job
    finally:
        db.close()
