"""Going on elsewhere, in the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lt_agent.protocol.records import EnvPlan, ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import jobs, relocations
from lt_controller.store.schema import open_writable


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = open_writable(":memory:")
    yield connection
    connection.close()


def submit(db: sqlite3.Connection, **fields: object) -> str:
    """A running job on host `a`."""
    spec = replace(JobSpec(new_ulid(), 1, new_ulid(), "me", "command", argv=("true",)), **fields)  # type: ignore[arg-type]
    job = jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": "a"})
    jobs.set_state(db, job, 1, "running")
    return job


def test_going_on_elsewhere_gives_a_job_all_its_retries_again(db: sqlite3.Connection) -> None:
    job = submit(db, retries=3, tried=3, not_before=99.0)
    jobs.end_attempt(db, job, 1, ExitRecord("failed", "oom"), 0.0)
    relocations.relocate(db, job, {"host": "b", "env": to_dict(EnvPlan("existing")), "variables": {}})
    spec = json.loads(db.execute("SELECT spec FROM jobs WHERE id=?", (job,)).fetchone()[0])
    assert (spec["attempt"], spec["tried"], spec["not_before"], spec["retries"]) == (2, 0, 0.0, 3)
