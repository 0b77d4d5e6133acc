"""What the end of a lease does in the mirror: which checkpoints come home for its sake, and what is said once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

import pytest

from lt_agent.protocol import states
from lt_agent.protocol.records import FileEntry, JobSpec, Manifest, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import checkpoints, history, jobs, leases
from lt_controller.store.schema import open_writable
from lt_controller.store.times import iso

NOW = 1_790_000_000.0
TERMS = {"box": {"target": "box", "until": "2026-12-01T00:00:00+00:00"}, "own": {"target": "own"}}


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = open_writable(":memory:")
    history.note_terms(connection, TERMS, iso(NOW - 9000))
    yield connection
    connection.close()


def running(db: sqlite3.Connection, host: str = "box", total: int | None = None) -> str:
    job = new_ulid()
    spec = JobSpec(job, 1, f"j-{job}", "me", "command", argv=("true",))
    job = jobs.take_submit(db, "i", {"spec": to_dict(spec), "host": host, "pull": "none"})
    for state in (states.WAITING, states.PREPARING, states.RUNNING):
        jobs.set_state(db, job, 1, state)
    db.execute("UPDATE jobs SET total_steps=? WHERE id=?", (total, job))
    return job


def save(db: sqlite3.Connection, job: str, step: int, at: float, which: str = "none") -> str:
    """A checkpoint as the intake records it."""
    name = f"checkpoint-{step}"
    files = (FileEntry("model", 5, "0" * 64),)
    manifest = Manifest(name, "checkpoint", f"out/{name}", files, step=step, resumable=True, created_at=at)
    checkpoints.add(db, job, 1, manifest, which, 0.0)
    leases.bring_home(db, job, 1, name)
    return name


def pull_state(db: sqlite3.Connection, name: str) -> str:
    return str(db.execute("SELECT pull_state FROM checkpoints WHERE name=?", (name,)).fetchone()[0])


def codes(found: list[leases.News]) -> list[str]:
    return [item.code for item in found]


@pytest.mark.parametrize("event_first", [True, False])
def test_what_is_saved_for_the_lease_comes_home_whatever_the_policy(db: sqlite3.Connection, event_first: bool) -> None:
    job = running(db)
    before = save(db, job, 5, NOW - 60)
    if event_first:
        leases.asked(db, job, 1, "box", NOW)
    saved = save(db, job, 7, NOW + 3)
    if not event_first:  # a laptop that was asleep hears of the manifest first
        leases.asked(db, job, 1, "box", NOW)
    assert (pull_state(db, before), pull_state(db, saved)) == ("none", "pending")
    checkpoints.set_pull(db, job, 1, before, "pending")
    wish = checkpoints.next_pull(db, "box", set())
    assert wish is not None and wish["name"] == saved, "it goes first"


def test_it_goes_before_a_finished_model(db: sqlite3.Connection) -> None:
    other, job = running(db), running(db)
    final = Manifest("final", "final", "out/final", (), created_at=NOW + 9)
    checkpoints.add(db, other, 1, final, "last", 0.0)
    leases.asked(db, job, 1, "box", NOW)
    save(db, job, 7, NOW + 3)
    wish = checkpoints.next_pull(db, "box", set())
    assert wish is not None and wish["name"] == "checkpoint-7"


def test_a_host_without_a_lease_has_nothing_fetched(db: sqlite3.Connection) -> None:
    job = running(db, "own")
    leases.asked(db, job, 1, "own", NOW)
    leases.asked(db, job, 1, "nowhere", NOW)
    assert pull_state(db, save(db, job, 7, NOW + 3)) == "none"


def test_what_is_at_home_is_said_once(db: sqlite3.Connection) -> None:
    job = running(db)
    leases.asked(db, job, 1, "box", NOW)
    name = save(db, job, 7, NOW + 3)
    ends = {"box": NOW + 600}
    assert leases.news(db, ends, NOW + 5, True) == []
    checkpoints.set_pull(db, job, 1, name, "pulled", "/home/checkpoint-7")
    found = leases.news(db, ends, NOW + 6, True)
    assert codes(found) == ["lease_saved"] and found[0].params["name"] == name
    leases.say(db, found)
    leases.say(db, found)
    assert leases.news(db, ends, NOW + 7, True) == []
    over = leases.news(db, ends, NOW + 601, True)
    assert codes(over) == ["lease_over"] and over[0].params["step"] == 7
    leases.say(db, over)
    assert leases.news(db, ends, NOW + 700, True) == []
    rows = db.execute("SELECT code, params FROM events WHERE seq<0 ORDER BY seq DESC").fetchall()
    assert [(code, json.loads(params)["host"]) for code, params in rows] == [
        ("lease_saved", "box"),
        ("lease_over", "box"),
    ]


def test_a_lease_that_ended_with_nothing_at_home_says_so(db: sqlite3.Connection) -> None:
    running(db)
    assert codes(leases.news(db, {"box": NOW - 1}, NOW, True)) == ["lease_unsaved"]


def test_a_job_that_will_not_be_done_is_told_of_once_for_each_end(db: sqlite3.Connection) -> None:
    job = running(db, total=1000)
    for step in range(leases.FEWEST):
        db.execute(
            "INSERT INTO metrics (job_id, attempt, name, step, value, time) VALUES (?,1,'loss',?,1.0,?)",
            (job, step, iso(NOW + 10 * step)),
        )
    needs = 10 * (1000 - (leases.FEWEST - 1))
    assert leases.news(db, {"box": NOW + needs + 60}, NOW, True) == []
    assert leases.news(db, {"box": NOW + needs - 60}, NOW, False) == []
    found = leases.news(db, {"box": NOW + needs - 60}, NOW, True)
    assert codes(found) == ["lease_short"]
    assert (found[0].params["left"], found[0].params["needs"]) == (needs - 60, needs)
    leases.say(db, found)
    assert leases.news(db, {"box": NOW + needs - 60}, NOW, True) == []
    assert codes(leases.news(db, {"box": NOW + needs - 30}, NOW, True)) == ["lease_short"], "another end"
    assert leases.news(db, {}, NOW, True) == []
