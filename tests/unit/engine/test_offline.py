"""Requests for jobs of a host that is not there: answered where nothing on the host is needed, kept or refused else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_controller.engine.offline import settle_asked, settle_removed, settle_unreachable
from lt_controller.store import elsewhere, intents, relocations
from support.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "home")
    yield made
    made.close()


def ask(store: Store, kind: str, job: str, **params: Any) -> None:
    store.insert("intents", id=f"{kind}-{job}", kind=kind, job_id=job, params=params, created_at="")


def answers(db: sqlite3.Connection) -> dict[str, str]:
    rows = db.execute("SELECT kind, state, error FROM intents").fetchall()
    return {kind: json.loads(error)["code"] if error else state for kind, state, error in rows}


def test_a_host_that_is_gone_from_the_inventory_answers_every_request(store: Store) -> None:
    job = store.job("j", "running")
    ask(store, "stop", job)
    ask(store, "save", job)
    ask(store, "remove", job)
    settle_removed(store.db, "box", ["local"])
    assert answers(store.db) == {"stop": "no_such_host", "save": "no_such_host", "remove": "job_alive"}
    assert store.db.execute("SELECT state FROM jobs").fetchone() == ("running",)


def test_nothing_waits_for_a_host_that_a_person_has_retired(store: Store) -> None:
    ended, home = store.job("ended", "lost"), store.job("kept", "succeeded")
    store.db.execute("UPDATE attempts SET exit='{}'")
    store.checkpoint(home, "checkpoint-1", 1, pull_state="none")
    for job, kind in ((ended, "remove"), (home, "pull")):
        ask(store, kind, job)
    assert settle_unreachable(store.db, "box")
    assert answers(store.db) == {"remove": "pending", "pull": "pending"}
    assert not settle_unreachable(store.db, "box", retired=True)
    assert answers(store.db) == {"remove": "done", "pull": "host_retired"}
    assert store.db.execute("SELECT removed FROM jobs ORDER BY name").fetchall() == [(1,), (0,)]


def test_a_job_whose_host_is_gone_can_be_forgotten_by_a_person_who_discards_it(store: Store) -> None:
    job = store.job("j", "running")
    store.checkpoint(job, "checkpoint-1", 1, pull_state="pending")
    ask(store, "remove", job, discard=True)
    settle_removed(store.db, "box", [])
    assert answers(store.db) == {"remove": "done"}
    assert store.db.execute("SELECT removed FROM jobs").fetchone() == (1,)


def test_what_is_on_the_lost_host_alone_is_not_forgotten_by_the_way(store: Store) -> None:
    job = store.job("j", "succeeded")
    store.checkpoint(job, "checkpoint-1", 1, pull_state="pending")
    ask(store, "remove", job)
    settle_removed(store.db, "box", [])
    assert answers(store.db) == {"remove": "not_yet_home"}


@pytest.mark.parametrize(("state", "after"), [("queued", "cancelled"), ("staging", "staging"), ("running", "running")])
def test_only_a_job_that_no_host_can_have_is_stopped_without_asking_it(store: Store, state: str, after: str) -> None:
    job = store.job("j", state)
    ask(store, "stop", job)
    assert settle_unreachable(store.db, "box") is (state != "queued")
    assert store.db.execute("SELECT state FROM jobs").fetchone() == (after,)


def test_a_request_for_a_job_that_was_forgotten_holds_nothing_up(store: Store) -> None:
    job = store.job("j", "succeeded", removed=1)
    ask(store, "stop", job)
    settle_unreachable(store.db, "box")
    settle_removed(store.db, "box", [])
    assert answers(store.db) == {"stop": "no_such_job"}


@pytest.mark.parametrize(
    ("state", "kind", "after"),
    [("paused", "stop", "cancelled"), ("paused", "pause", "paused"), ("failed", "stop", "failed")],
)
def test_a_stop_of_a_job_that_rests_waits_for_no_host(store: Store, state: str, kind: str, after: str) -> None:
    ask(store, kind, store.job("j", state, finished_at="2026-11-22T00:00:00.000Z"))
    store.db.execute("UPDATE attempts SET exit='{}'")
    assert not settle_unreachable(store.db, "box")
    assert answers(store.db) == {kind: "done"}
    assert store.db.execute("SELECT state FROM jobs").fetchone() == (after,)


@pytest.fixture
def between(store: Store) -> str:
    """A job whose host was given up, and that looks for another one."""
    job = store.job("j", "running", asked="any", spec={"retries": 2})
    relocations.retire(store.db, "box")
    relocations.fences_tried(store.db, "box")
    assert elsewhere.is_between(store.db, job)
    return job


@pytest.mark.parametrize(("kinds", "after"), [(("stop", "pause"), "cancelled"), (("pause", "stop"), "cancelled")])
def test_all_that_asks_for_the_end_of_a_job_between_two_hosts_is_answered(
    store: Store, between: str, kinds: tuple[str, ...], after: str
) -> None:
    for kind in kinds:
        ask(store, kind, between)
    settle_asked(store.db, elsewhere.asked(store.db))
    assert answers(store.db) | {"fence": ""} == {"stop": "done", "pause": "done", "fence": ""}
    assert store.db.execute("SELECT state FROM jobs").fetchone() == (after,)
    assert not settle_unreachable(store.db, "box")


@pytest.mark.parametrize(
    ("kind", "params", "answer"),
    [("remove", {}, "job_alive"), ("remove", {"discard": True}, "done"), ("priority", {"priority": 5}, "done")]
    + [(kind, {}, "host_retired") for kind in ("pull", "save", "resume", "move", "clear")],
)
def test_what_is_asked_of_a_job_between_two_hosts_waits_for_neither(
    store: Store, between: str, kind: str, params: dict[str, Any], answer: str
) -> None:
    ask(store, kind, between, **params)
    assert not settle_unreachable(store.db, "box")
    assert answers(store.db)[kind] == answer
    removed, priority = store.db.execute("SELECT removed, priority FROM jobs").fetchone()
    assert removed == (answer == "done" and kind == "remove") and priority == params.get("priority", 0)


def test_a_host_that_was_given_up_is_asked_to_stop_once_and_then_left_alone(store: Store) -> None:
    store.job("j", "running")
    relocations.retire(store.db, "box")
    assert "box" in intents.hosts_asked(store.db) and settle_unreachable(store.db, "box")
    relocations.fences_tried(store.db, "box")
    assert intents.hosts_asked(store.db) == set() and not settle_unreachable(store.db, "box")
    assert relocations.fenced_on(store.db, "box"), "should it come back, it is asked again"


def test_a_host_that_was_given_up_and_has_left_the_inventory_is_not_waited_for(store: Store) -> None:
    store.job("j", "running")
    relocations.retire(store.db, "box")
    settle_removed(store.db, "box", [])
    assert intents.hosts_asked(store.db) == set()
