"""What a host shows of its jobs is checked before it is a row; what is wrong is refused by name or passed over."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.checked import checked_other, checked_spec
from lt_controller.store import jobs, owners, recovered
from lt_controller.store.owners import Other
from lt_controller.store.schema import open_writable

JOB = "01J0000000000000000000000A"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = open_writable(tmp_path / "lt.db")
    yield made
    made.close()


def spec(**more: Any) -> dict[str, Any]:
    return {"job": JOB, "attempt": 1, "name": "a", "owner": "o", "kind": "command", "argv": ["true"], **more}


def test_a_right_spec_comes_through_whole() -> None:
    value = spec(title="t", pull="best", env={"kind": "existing"}, data=[{"name": "数据", "digest": "d"}])
    assert checked_spec(value, JOB, 1).title == "t"


@pytest.mark.parametrize(
    "wrong",
    [
        {"job": new_ulid()},
        {"attempt": 2},
        {"kind": "shell"},
        {"argv": [1]},
        {"recipe": []},
        {"recipe": {"method": {}}},
        {"env": None},
        {"env": {"kind": 5}},
        {"env": {"kind": "existing", "packages": [{}]}},
        {"variables": {"A": 1}},
        {"variables": []},
        {"data": [{"name": "../..", "digest": "d"}]},
        {"code": {"name": "a/b", "digest": "d"}},
        {"outputs": "all"},
        {"resume": {"attempt": "1", "name": "x"}},
        {"resume": {"attempt": 1, "name": "../x"}},
        {"pull": "everything"},
        {"owner": 7},
        {"created_at": "yesterday"},
        {"created_at": 1e300},
        {"gpus": True},
        {"timeout": -1},
        {"timeout": 10**400},
        {"secrets": ["A B"]},
        {"secrets": "A"},
        {"retries": "many"},
        {"inputs": {"a": 1}},
        {"recipe": {"method": "sft", "deep": json.loads("[" * 100 + "]" * 100)}},
        {"title": "x" * (3 << 20)},
    ],
)
def test_a_wrong_value_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LtError) as error:
        checked_spec(spec(**wrong), JOB, 1)
    assert error.value.code == "bad_record"


@pytest.mark.parametrize("value", [None, [], "spec", {}, {"job": JOB}])
def test_what_is_no_spec_is_refused(value: Any) -> None:
    with pytest.raises(LtError):
        checked_spec(value, JOB, 1)


@pytest.mark.parametrize("name", ["../../evil", "a/b", "", ".hidden", "x" * 200, JOB, "a\nb"])
def test_a_name_that_could_lead_elsewhere_is_made_anew(name: str) -> None:
    assert checked_spec(spec(name=name), JOB, 1).name == f"job-{JOB[-6:].lower()}"


def test_half_a_surrogate_pair_can_be_stored() -> None:
    text = checked_spec(json.loads(json.dumps(spec()).replace('"true"', '"\\ud800"')), JOB, 1).argv[0]
    assert text == "?"


def test_a_list_of_jobs_is_taken_line_by_line() -> None:
    right = {"job": JOB, "attempt": 2, "name": "n", "owner": "o", "by": "a@b", "kind": "command", "state": "running"}
    found = checked_other(right)
    assert found is not None and (found.id, found.attempt, found.by) == (JOB, 2, "a@b")
    for wrong in (None, 5, {}, {**right, "job": "x"}, {**right, "attempt": 0}, {**right, "state": "flying"}):
        assert checked_other(wrong) is None


def test_a_host_cannot_speak_for_another_hosts_job(db: sqlite3.Connection) -> None:
    mine = JobSpec(job=JOB, attempt=1, name="a", owner="me", kind="command", argv=("true",))
    assert recovered.add_job(db, "good", "me", {1: mine}, "a")
    with pytest.raises(LtError) as error:
        recovered.add_job(db, "evil", "me", {1: mine}, "a")
    assert error.value.code == "job_elsewhere"
    owners.set_others(db, "evil", [Other(JOB, "a", "thief", "eve@evil", "command", "running", "", 1)])
    assert db.execute("SELECT owner, adopted_by FROM jobs").fetchall() == [("me", None)]


def test_an_adopted_job_is_nobodys_work_here_until_it_is_taken_back(db: sqlite3.Connection) -> None:
    mine = JobSpec(job=JOB, attempt=1, name="a", owner="me", kind="command", argv=("true",))
    recovered.add_job(db, "box", "me", {1: mine}, "a")
    db.execute("INSERT INTO intents (id, kind, job_id, created_at) VALUES ('i', 'stop', ?, '')", (JOB,))
    assert [left.job for left in jobs.unfinished(db, "box")] == [JOB]
    for _ in range(2):
        owners.given_up(db, JOB, 1, "box", "other", "bob@lap")
    assert jobs.unfinished(db, "box") == []
    assert db.execute("SELECT adopted_by, owner FROM jobs").fetchone() == ("bob@lap", "other")
    (state, error) = db.execute("SELECT state, error FROM intents").fetchone()
    assert state == "failed" and json.loads(error)["code"] == "job_adopted"
    assert db.execute("SELECT count(*) FROM events WHERE code='adopted'").fetchone() == (1,)
    owners.taken(db, JOB, "me")
    assert [left.job for left in jobs.unfinished(db, "box")] == [JOB]
    assert json.loads(db.execute("SELECT spec FROM jobs").fetchone()[0])["owner"] == "me"


def test_a_name_that_is_taken_gets_a_suffix(db: sqlite3.Connection) -> None:
    other = JobSpec(job=new_ulid(), attempt=1, name="a", owner="me", kind="command", argv=("true",))
    recovered.add_job(db, "box", "me", {1: other}, "a")
    assert recovered.free_name(db, JOB, "b", lambda name: False) == "b"
    assert recovered.free_name(db, JOB, "a", lambda name: False) == f"a-{JOB[-6:].lower()}"
    assert recovered.free_name(db, JOB, "b", lambda name: name != "b-2") == "b-2"
    assert recovered.free_name(db, other.job, "z", lambda name: True) == "a"
