"""Jobs in the mirror: made once, ended once, and moved only forward."""

from __future__ import annotations

import pytest

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import ExitRecord, FileEntry, JobSpec, Manifest, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import checkpoints, jobs
from lt_controller.store.schema import open_writable


def submit(db, **more):
    spec = JobSpec(job=new_ulid(), attempt=1, name="tiny-1", owner="me", kind="recipe", recipe={"method": "sft"})
    params = {"spec": to_dict(spec), "host": "h", **more}
    db.execute("INSERT INTO intents (id, kind, params, created_at) VALUES ('i','submit','{}','')")
    return jobs.take_submit(db, "i", params), params


def state(db, job):
    return db.execute("SELECT state, reason FROM jobs WHERE id=?", (job,)).fetchone()


@pytest.fixture
def db():
    connection = open_writable(":memory:")
    yield connection
    connection.close()


def test_a_submit_taken_twice_is_one_job(db):
    _, params = submit(db)
    jobs.take_submit(db, "i", params)
    assert db.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM attempts").fetchone() == (1,)
    assert db.execute("SELECT state FROM intents").fetchone() == ("done",)


def test_states_move_forward_only(db):
    job, _ = submit(db)
    assert jobs.set_state(db, job, 1, states.RUNNING)
    assert not jobs.set_state(db, job, 1, states.WAITING)
    assert state(db, job)[0] == states.RUNNING


def test_only_an_exit_record_ends_a_job(db):
    job, _ = submit(db)
    assert not jobs.set_state(db, job, 1, states.FAILED, "oom")
    assert jobs.end_attempt(db, job, 1, ExitRecord(state=states.FAILED, reason="oom"), 0.0)
    assert state(db, job) == (states.FAILED, "oom")


def test_the_first_exit_record_stands(db):
    job, _ = submit(db)
    jobs.end_attempt(db, job, 1, ExitRecord(state=states.SUCCEEDED, reason="done"), 0.0)
    assert not jobs.end_attempt(db, job, 1, ExitRecord(state=states.LOST, reason="x"), 0.0)
    assert state(db, job)[0] == states.SUCCEEDED


def test_an_old_attempt_says_nothing_about_a_new_one(db):
    job, _ = submit(db)
    jobs.end_attempt(db, job, 1, ExitRecord(state=states.LOST, reason="host_rebooted"), 0.0)
    assert jobs.new_attempt(db, job, None) == 2
    assert not jobs.end_attempt(db, job, 1, ExitRecord(state=states.SUCCEEDED, reason="done"), 0.0)
    assert state(db, job) == (states.QUEUED, None)


def test_only_a_resting_job_gets_a_new_attempt(db):
    job, _ = submit(db)
    jobs.set_state(db, job, 1, states.RUNNING)
    with pytest.raises(LtError, match="job_not_resting"):
        jobs.new_attempt(db, job, None)


def manifest(name, step, best=False, kind="checkpoint"):
    return Manifest(name, kind, f"out/{name}", (FileEntry("a", 1, "0"),), step=step, best=best, created_at=float(step))


def pull_states(db):
    return dict(db.execute("SELECT name, pull_state FROM checkpoints").fetchall())


def test_the_policy_last_skips_what_a_newer_one_replaces(db):
    job, _ = submit(db, pull="last")
    checkpoints.add(db, job, 1, manifest("checkpoint-1", 1), "last", 0.0)
    checkpoints.add(db, job, 1, manifest("checkpoint-2", 2), "last", 0.0)
    checkpoints.add(db, job, 1, manifest("final", 2, kind="final"), "last", 0.0)
    assert pull_states(db) == {"checkpoint-1": "skipped", "checkpoint-2": "pending", "final": "pending"}
    assert checkpoints.next_pull(db, "h", set())["name"] == "final"


def test_the_policy_best_takes_the_best_alone(db):
    job, _ = submit(db, pull="best")
    checkpoints.add(db, job, 1, manifest("checkpoint-1", 1, best=True), "best", 0.0)
    checkpoints.add(db, job, 1, manifest("checkpoint-2", 2), "best", 0.0)
    assert pull_states(db) == {"checkpoint-1": "pending", "checkpoint-2": "none"}


def test_the_policy_none_brings_nothing_until_asked(db):
    job, _ = submit(db, pull="none")
    checkpoints.add(db, job, 1, manifest("final", 1, kind="final"), "none", 0.0)
    assert pull_states(db) == {"final": "none"}
    assert checkpoints.request(db, job, None) == 1
    assert pull_states(db) == {"final": "pending"}


def test_a_rotated_checkpoint_is_not_waited_for(db):
    job, _ = submit(db, pull="all")
    checkpoints.add(db, job, 1, manifest("checkpoint-1", 1), "all", 0.0)
    checkpoints.gone(db, job, 1, "checkpoint-1")
    assert checkpoints.next_pull(db, "h", set()) is None
    with pytest.raises(LtError, match="checkpoint_gone"):
        checkpoints.request(db, job, ["checkpoint-1"])


def test_what_is_wrong_with_an_attempt_is_noted_once_however_often_it_is_seen(db):
    job, _ = submit(db)
    jobs.end_attempt(db, job, 1, ExitRecord(state=states.PAUSED, reason="paused"), 0.0)
    jobs.new_attempt(db, job, None)
    for _ in range(3):  # the first is followed still, and the second has a word of its own
        for attempt in (1, 2):
            jobs.note(db, job, attempt, "h", LtError("job_folder_missing", job=job, host=f"h{attempt}"))
    noted = db.execute("SELECT attempt, count(*) FROM events WHERE code='note' GROUP BY attempt").fetchall()
    assert noted == [(1, 1), (2, 1)]
