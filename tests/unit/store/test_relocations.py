"""Going on elsewhere, in the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lt_agent.protocol.records import EnvPlan, ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import intents, jobs, relocations
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


def ask(db: sqlite3.Connection, intent: str, kind: str, job: str = "", **params: object) -> None:
    """A wish as the client writes it."""
    row = (intent, kind, job, json.dumps({"by": "ann", **params}))
    db.execute("INSERT INTO intents (id, kind, job_id, params, created_at) VALUES (?,?,?,?,'')", row)


def told(db: sqlite3.Connection) -> list[tuple[str, str, str, dict[str, object]]]:
    rows = db.execute("SELECT who, act, target, params FROM audit ORDER BY seq")
    return [(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def test_the_audit_has_what_became_of_giving_a_host_up_and_of_going_on_elsewhere(db: sqlite3.Connection) -> None:
    job = submit(db)
    ask(db, "one", "retire", host="a")
    relocations.settle(db)
    ask(db, "two", "relocate", job, host="b", env=to_dict(EnvPlan("existing")), variables={})
    ask(db, "three", "relocate", job, host="b", env=to_dict(EnvPlan("existing")), variables={})
    relocations.settle(db)
    found = told(db)
    assert [row[:2] for row in found] == [
        ("controller", "retire done"),
        ("controller", "relocate done"),
        ("controller", "relocate failed"),
    ]
    assert found[0][2] == "a" and found[0][3]["by"] == "ann"
    assert found[1][3]["host"] == "b" and found[1][2] == found[2][2] != ""
    assert found[2][3]["error"]["code"] == "job_not_resting"  # type: ignore[index]


def test_the_audit_has_what_a_recovery_found(db: sqlite3.Connection) -> None:
    ask(db, "one", "recover", host="a", jobs=["J"])
    intents.done_with(db, "one", {"found": 200, "fresh": [str(number) for number in range(200)], "others": 0})
    [(who, act, target, params)] = told(db)
    assert (who, act, target, params["jobs"]) == ("controller", "recover done", "a", ["J"])
    result = params["result"]
    assert isinstance(result, dict) and (result["fresh_count"], len(result["fresh"])) == (200, 100)
    ask(db, "two", "pull", "J")
    intents.done(db, "two")
    assert len(told(db)) == 1, "what changes no owner and no host is told by the wish alone"
