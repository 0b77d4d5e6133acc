"""Requests for jobs of a host that is not there: answered where nothing on the host is needed, kept or refused else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_controller.engine.offline import settle_removed, settle_unreachable
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
    assert answers(store.db) == {"stop": "no_such_host"}
