"""Sweeps in the database: taken once, resumed without a second job, and what is at rest told from what goes on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.ulid import new_ulid
from lt_controller.store import sweeps
from lt_controller.store.intents import Intent
from lt_controller.store.times import iso
from support.store import START, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def ask(store: Store, kind: str, **params: Any) -> str:
    """Has something asked of a sweep and carried out, twice; the state of its intent."""
    intent = new_ulid()
    store.insert("intents", id=intent, kind=kind, params=params, state="pending", created_at=iso(START))
    for each in [*sweeps.pending(store.db), Intent(intent, kind, "", params)]:
        sweeps.take(store.db, each)
    row = store.db.execute("SELECT state FROM intents WHERE id=?", (intent,)).fetchone()
    return str(row[0])


def begun(store: Store, name: str = "s") -> str:
    sweep = new_ulid()
    plan = {"total": 2, "section": {}}
    assert ask(store, "sweep", sweep=sweep, name=name, hosts="any", recipe="r", plan=plan) == "done"
    return sweep


def trial(store: Store, sweep: str, number: int, state: str, job_state: str | None) -> str:
    job = store.job(f"s-{number}", job_state) if job_state else new_ulid()
    sweeps.add_trial(store.db, sweep, number, job, f"s-{number}", {"a": number})
    store.db.execute("UPDATE trials SET state=? WHERE sweep_id=? AND number=?", (state, sweep, number))
    return job


def test_a_sweep_is_taken_once_and_its_name_with_it(store: Store) -> None:
    sweep = begun(store)
    (row,) = sweeps.open_sweeps(store.db)
    assert (row.id, row.state, row.plan["total"]) == (sweep, sweeps.RUNNING, 2)
    other = {"name": "s", "hosts": "any", "recipe": "r", "plan": {}}
    intent = Intent(new_ulid(), "sweep", "", {"sweep": new_ulid(), **other})
    store.insert("intents", id=intent.id, kind="sweep", params=intent.params, state="pending", created_at=iso(START))
    sweeps.take(store.db, intent)
    state, error = store.db.execute("SELECT state, error FROM intents WHERE id=?", (intent.id,)).fetchone()
    assert state == "failed" and "name_taken" in error and len(sweeps.open_sweeps(store.db)) == 1


def test_a_jobs_id_belongs_to_one_trial(store: Store) -> None:
    sweep = begun(store)
    job = trial(store, sweep, 1, sweeps.PLANNED, None)
    with pytest.raises(sqlite3.IntegrityError):
        sweeps.add_trial(store.db, sweep, 2, job, "s-2", {})
    assert [(t.number, t.job_state, t.params) for t in sweeps.trials(store.db, sweep)] == [(1, None, {"a": 1})]


def test_a_resume_takes_up_what_was_stopped_and_nothing_else(store: Store) -> None:
    sweep = begun(store)
    job = trial(store, sweep, 1, sweeps.STOPPED, "cancelled")
    trial(store, sweep, 2, sweeps.SUCCEEDED, "succeeded")
    trial(store, sweep, 3, sweeps.STOPPED, None)
    ask(store, "sweep_stop", sweep=sweep)
    assert sweeps.open_sweeps(store.db)[0].state == sweeps.STOPPING
    sweeps.sweep_over(store.db, sweep, sweeps.STOPPED)
    assert sweeps.open_sweeps(store.db) == []
    fresh = new_ulid()
    ask(store, "sweep_resume", sweep=sweep, trials=[[1, None], [2, None], [3, fresh]])
    assert [(t.state, t.job) for t in sweeps.trials(store.db, sweep)][::2] == [
        (sweeps.RESUMING, job),
        (sweeps.PLANNED, fresh),
    ]
    assert sweeps.trials(store.db, sweep)[1].state == sweeps.SUCCEEDED


def test_a_job_that_was_asked_to_go_on_is_not_at_rest(store: Store) -> None:
    sweep = begun(store)
    job = trial(store, sweep, 1, sweeps.SUBMITTED, "cancelled")
    assert sweeps.trials(store.db, sweep)[0].job_state == "cancelled"
    store.insert("intents", id=new_ulid(), kind="resume", job_id=job, state="pending", created_at=iso(START))
    assert sweeps.trials(store.db, sweep)[0].job_state == "queued"
    assert not sweeps.job_has_ended("queued") and sweeps.job_has_ended("removed")


def test_a_curve_is_that_of_the_newest_attempt_where_they_meet(store: Store) -> None:
    job = store.job("s-1", attempt=2)
    for attempt, step, value in ((1, 1, 5.0), (1, 2, 4.0), (2, 2, 3.0), (2, 3, None)):
        store.insert("metrics", job_id=job, attempt=attempt, name="loss", step=step, value=value, time=iso(START))
    assert sweeps.curve(store.db, job, "loss") == {1: 5.0, 2: 3.0}


def test_seconds_of_all_attempts_are_added_up() -> None:
    rows = [("a", iso(0), iso(5)), ("a", iso(10), iso(12)), ("b", iso(1), iso(0))]
    assert sweeps.seconds(rows) == {"a": 7.0, "b": 0.0}
