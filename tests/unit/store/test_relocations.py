"""Going on elsewhere, in the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import EnvPlan, ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.engine.offline import settle_asked
from lt_controller.store import due, elsewhere, intents, jobs, notices, relocations
from lt_controller.store.schema import open_writable
from lt_controller.wording import waits


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = open_writable(":memory:")
    yield connection
    connection.close()


def spec(**fields: object) -> JobSpec:
    return replace(JobSpec(new_ulid(), 1, new_ulid(), "me", "command", argv=("true",)), **fields)  # type: ignore[arg-type]


def submit(db: sqlite3.Connection, **fields: object) -> str:
    """A running job on host `a`."""
    job = jobs.take_submit(db, "i", {"spec": to_dict(spec(**fields)), "host": "a"})
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


def choose(db: sqlite3.Connection, job: str, asked: str | None = "any") -> None:
    """As if the job had been submitted to several hosts."""
    db.execute("UPDATE jobs SET asked=? WHERE id=?", (asked, job))


def checkpoint(db: sqlite3.Connection, job: str, step: int, pull_state: str) -> None:
    db.execute(
        "INSERT INTO checkpoints (job_id, attempt, name, kind, step, size, resumable, pull_state, manifest)"
        " VALUES (?,1,?,'checkpoint',?,1,1,?,'{}')",
        (job, f"checkpoint-{step}", step, pull_state),
    )


def state(db: sqlite3.Connection, job: str) -> tuple[str, str | None, int]:
    row: tuple[str, str | None, int] = db.execute(
        "SELECT state, reason, attempt FROM jobs WHERE id=?", (job,)
    ).fetchone()
    return row


def moved(db: sqlite3.Connection, job: str, **params: object) -> int:
    return relocations.relocate(db, job, {"host": "b", "env": to_dict(EnvPlan("existing")), "variables": {}, **params})


def test_a_job_with_retries_and_several_hosts_leaves_a_retired_one_and_is_never_at_rest(db: sqlite3.Connection) -> None:
    job = submit(db, retries=2, tried=1)
    choose(db, job)
    checkpoint(db, job, 4, "pulled")
    relocations.retire(db, "a")
    assert state(db, job) == ("queued", None, 1)
    [found] = elsewhere.between(db)
    assert (found.job, found.asked, found.tries) == (job, "any", 0) and found.due > 0
    told = waits(json.loads(db.execute("SELECT waits FROM jobs").fetchone()[0]), lang="en")
    assert told == "to go on elsewhere (any), since a was given up"
    exit_record = json.loads(db.execute("SELECT exit FROM attempts").fetchone()[0])
    assert (exit_record["state"], exit_record["retry"]["tried"]) == ("lost", 2)
    assert relocations.fenced_on(db, "a") == [(job, 1)]
    assert moved(db, job, again=True) == 2
    spec = json.loads(db.execute("SELECT spec FROM jobs").fetchone()[0])
    assert (spec["tried"], state(db, job)) == (2, ("queued", None, 2)) and elsewhere.between(db) == []
    with pytest.raises(LtError, match="job_not_resting"):
        moved(db, job, again=True)
    relocations.retire(db, "b")
    assert state(db, job)[0] == "lost", "its retries are used up"


@pytest.mark.parametrize(
    ("fields", "asked", "newest"),
    [({"retries": 0}, "any", None), ({"retries": 2, "tried": 2}, "any", None), ({"retries": 2}, None, None)]
    + [({"retries": 2}, "any", pull_state) for pull_state in ("none", "pending", "failed", "skipped")],
)
def test_without_retries_other_hosts_or_its_newest_checkpoint_a_job_is_lost(
    db: sqlite3.Connection, fields: dict[str, int], asked: str | None, newest: str | None
) -> None:
    job = submit(db, **fields)
    choose(db, job, asked)
    if newest is not None:
        checkpoint(db, job, 4, "pulled")
        checkpoint(db, job, 8, newest)
    relocations.retire(db, "a")
    assert state(db, job) == ("lost", "host_retired", 1) and elsewhere.between(db) == []


def test_pauses_between_looks_are_in_the_database_and_a_person_goes_first(db: sqlite3.Connection) -> None:
    job = submit(db, retries=2)
    choose(db, job)
    relocations.retire(db, "a")
    [found] = elsewhere.between(db)
    elsewhere.put_off(db, found, 2_000_000_000.0, LtError("no_host_fits", asked="any", ranking=[]))
    [found] = elsewhere.between(db)
    assert (found.tries, found.due) == (1, 2_000_000_000.0)
    assert db.execute("SELECT retry_at FROM jobs").fetchone()[0].startswith("2033-05-18")
    told = waits(json.loads(db.execute("SELECT waits FROM jobs").fetchone()[0]), lang="en")
    assert "next look in" in told and told.endswith("no host fits")
    ask(db, "one", "relocate", job, host="b", env=to_dict(EnvPlan("existing")), variables={})
    assert elsewhere.between(db) == [], "a person has said where to"
    relocations.settle(db)
    spec = json.loads(db.execute("SELECT spec FROM jobs").fetchone()[0])
    assert (state(db, job), spec["tried"]) == (("queued", None, 2), 0)


@pytest.mark.parametrize(("kind", "ends"), [("stop", "cancelled"), ("pause", "paused")])
def test_a_job_between_two_hosts_can_be_stopped_and_paused(db: sqlite3.Connection, kind: str, ends: str) -> None:
    job = submit(db, retries=2)
    choose(db, job)
    relocations.retire(db, "a")
    ask(db, "one", kind, job)
    assert settle_asked(db, elsewhere.asked(db)) == []
    assert state(db, job)[0] == ends and elsewhere.between(db) == []
    assert db.execute("SELECT state FROM intents WHERE id='one'").fetchone()[0] == "done"


def test_what_can_not_go_on_is_lost_and_says_why(db: sqlite3.Connection) -> None:
    job = submit(db, retries=2)
    choose(db, job)
    relocations.retire(db, "a")
    notices.collect(db, lambda *_: ["me"])
    elsewhere.give_up(db, job, 1, LtError("no_such_path", path="/gone", why="no such file"))
    assert state(db, job) == ("lost", "host_retired", 1)
    assert "/gone" in db.execute("SELECT message FROM jobs").fetchone()[0]
    notices.collect(db, lambda *_: ["me"])
    assert [item.notice.kind for item in notices.pending(db)] == ["retry", "lost"]


def outcome(db: sqlite3.Connection, intent: str) -> tuple[str, str | None]:
    row: tuple[str, str | None] = db.execute(
        "SELECT state, json_extract(error, '$.code') FROM intents WHERE id=?", (intent,)
    ).fetchone()
    return row


@pytest.mark.parametrize("kind", ["pull", "save", "priority", "move", "resume", "remove", "clear"])
@pytest.mark.parametrize("retries", [0, 2])
def test_what_was_asked_of_a_job_on_a_host_that_is_retired_fails_and_holds_up_nothing(
    db: sqlite3.Connection, kind: str, retries: int
) -> None:
    job = submit(db, retries=retries)
    choose(db, job)
    ask(db, "one", kind, job)
    relocations.retire(db, "a")
    assert outcome(db, "one") == ("failed", "host_retired")
    assert [found.job for found in elsewhere.between(db)] == ([job] if retries else [])
    relocations.fences_tried(db, "a")
    assert intents.hosts_asked(db) == set() and not due.on_host(db, "a").requests


def test_a_retired_host_leaves_stops_of_what_goes_on_and_requests_of_other_hosts(db: sqlite3.Connection) -> None:
    goes_on, lost = submit(db, retries=2), submit(db)
    choose(db, goes_on)
    other = jobs.take_submit(db, "j", {"spec": to_dict(spec()), "host": "b"})
    for intent, kind, job in (("one", "stop", goes_on), ("two", "stop", lost), ("three", "pull", other)):
        ask(db, intent, kind, job)
    ask(db, "four", "relocate", lost, host="b", env=to_dict(EnvPlan("existing")), variables={})
    relocations.retire(db, "a")
    assert outcome(db, "two") == ("failed", "host_retired")
    assert [outcome(db, intent)[0] for intent in ("one", "three", "four")] == ["pending"] * 3
    assert settle_asked(db, elsewhere.asked(db)) == [] and state(db, goes_on)[0] == "cancelled"
    relocations.fences_tried(db, "a")
    assert intents.hosts_asked(db) == {"b"}


def test_a_host_is_asked_until_each_attempt_that_was_given_up_on_it_is_stopped(db: sqlite3.Connection) -> None:
    job, other = submit(db), submit(db)
    db.execute("INSERT INTO attempts (job_id, attempt, host, state) VALUES (?, 2, 'a', 'running')", (job,))
    relocations.retire(db, "a")
    db.execute("UPDATE attempts SET fenced=1 WHERE job_id=?", (job,))
    relocations.fence_done(db, "a", job, 1)
    assert sorted(relocations.fenced_on(db, "a")) == sorted([(job, 2), (other, 1)])
    assert relocations.fenced_on(db, "b") == [] and relocations.fences_asked(db, "a")
    relocations.fence_done(db, "a", job, 2)
    relocations.fence_done(db, "a", other, 1)
    assert relocations.fenced_on(db, "a") == [] and not relocations.fences_asked(db, "a")


@pytest.mark.parametrize(("kind", "looks"), [("priority", True), ("pull", True), ("remove", False), ("pause", False)])
def test_a_job_between_two_hosts_waits_only_for_requests_that_end_its_looking(
    db: sqlite3.Connection, kind: str, looks: bool
) -> None:
    job = submit(db, retries=2)
    choose(db, job)
    relocations.retire(db, "a")
    ask(db, "one", kind, job)
    assert bool(elsewhere.between(db)) is looks
