"""How far a checkpoint has come home: what a rotation, a newer one and a person's wish do to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.records import JobSpec, Manifest, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import checkpoints, jobs
from lt_controller.store.schema import open_writable


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writable(tmp_path / "lt.db")
    yield connection
    connection.close()


@pytest.fixture
def job(db: sqlite3.Connection) -> str:
    spec = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="recipe")
    return jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": "h", "pull": "last"})


def add(db: sqlite3.Connection, job: str, step: int, created_at: float = 1e9) -> str:
    manifest = Manifest(f"checkpoint-{step}", "checkpoint", f"out/{step}", (), step, created_at=created_at)
    checkpoints.add(db, job, 1, manifest, "last", 0.0)
    return manifest.name


def row(db: sqlite3.Connection, job: str, name: str) -> tuple[Any, ...]:
    return db.execute("SELECT pull_state FROM checkpoints WHERE job_id=? AND name=?", (job, name)).fetchone()


@pytest.mark.parametrize("state", ["pending", "pulling", "failed"])
def test_what_the_host_has_rotated_waits_for_no_pull(db: sqlite3.Connection, job: str, state: str) -> None:
    name = add(db, job, 10)
    checkpoints.set_pull(db, job, 1, name, state)
    checkpoints.gone(db, job, 1, name)
    assert row(db, job, name) == ("skipped",)
    assert db.execute("SELECT pull_state FROM jobs").fetchone() == ("none",)


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_a_pull_that_fails_after_the_rotation_leaves_nothing_waiting(
    db: sqlite3.Connection, job: str, state: str
) -> None:
    name = add(db, job, 10)
    checkpoints.gone(db, job, 1, name)
    checkpoints.set_pull(db, job, 1, name, state)
    assert row(db, job, name) == ("skipped",)


def test_a_pull_that_had_everything_stands_though_the_host_has_rotated(db: sqlite3.Connection, job: str) -> None:
    name = add(db, job, 10)
    checkpoints.set_pull(db, job, 1, name, "pulling")
    checkpoints.gone(db, job, 1, name)
    checkpoints.set_pull(db, job, 1, name, "pulled", "/home/runs/j/checkpoint-10")
    checkpoints.gone(db, job, 1, name)
    assert row(db, job, name) == ("pulled",)


def test_a_newer_checkpoint_replaces_the_older_whatever_the_hosts_clock_says(db: sqlite3.Connection, job: str) -> None:
    first, second = add(db, job, 10, created_at=2e9), add(db, job, 20, created_at=1e9)
    for name in (first, second):
        checkpoints.set_pull(db, job, 1, name, "pulled", f"/home/{name}")
    assert checkpoints.superseded(db, job, 1, first, "last") == []
    assert checkpoints.superseded(db, job, 1, second, "last") == [f"/home/{first}"]
    assert row(db, job, first) == ("skipped",)


def test_what_a_person_asked_for_is_neither_passed_over_nor_replaced(db: sqlite3.Connection, job: str) -> None:
    first = add(db, job, 10)
    checkpoints.set_pull(db, job, 1, first, "skipped")
    assert checkpoints.request(db, job, [first]) == 1
    second = add(db, job, 20)
    assert row(db, job, first) == ("pending",)
    for name in (first, second):
        checkpoints.set_pull(db, job, 1, name, "pulled", f"/home/{name}")
    assert checkpoints.superseded(db, job, 1, second, "last") == []


def test_what_failed_for_the_connection_is_tried_again_on_the_next_one(db: sqlite3.Connection, job: str) -> None:
    name = add(db, job, 10)
    for code, after in (("transfer_failed", "pending"), ("disk_full", "pending"), ("hash_mismatch", "failed")):
        checkpoints.set_pull(db, job, 1, name, "failed", None, {"code": code, "params": {}})
        checkpoints.try_again(db, "h")
        assert row(db, job, name) == (after,)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT DISTINCT a.host FROM attempts a JOIN jobs j ON j.id = a.job_id WHERE a.exit IS NULL AND j.removed=0",
        "SELECT job_id, attempt FROM attempts WHERE exit IS NOT NULL AND kept=0 LIMIT 50",
        "SELECT 1 FROM checkpoints c WHERE c.pull_state IN ('pending','pulling') AND c.host_state='present'",
    ],
)
def test_questions_asked_all_the_time_read_open_work_alone(db: sqlite3.Connection, query: str) -> None:
    plan = " ".join(str(step[3]) for step in db.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert "INDEX" in plan.split("SEARCH j")[0], plan
