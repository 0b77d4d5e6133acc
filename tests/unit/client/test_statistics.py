"""How past jobs went: rates and times by host and recipe."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lt_controller.client import Client, clock
from lt_controller.store.times import iso
from support.store import Store

NOW = datetime(2026, 3, 18, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def job(
    store: Store, name: str, state: str, *, days: float = 1, waited: float = 60, ran: float = 600, **more: Any
) -> str:
    """Submitted so many days ago; it waited and ran for so many seconds."""
    at = NOW.timestamp() - days * 86400
    made = store.job(name, state, at=at, **{"recipe": "sft", **more})
    began, ended = iso(at + waited), iso(at + waited + ran)
    store.db.execute("UPDATE attempts SET started_at=?, finished_at=? WHERE job_id=?", (began, ended, made))
    return made


def test_success_waiting_and_hours_by_host(client: Client, store: Store) -> None:
    for n, state in enumerate(("succeeded", "succeeded", "failed", "lost", "cancelled", "paused")):
        job(store, f"j{n}", state, waited=10 * (n + 1), ran=3600)
    store.job("waits", "waiting", at=NOW.timestamp() - 3600, recipe="sft")
    job(store, "other", "succeeded", host="own", recipe="dpo")
    box, own = client.stats()
    assert (box.host, box.recipe, box.jobs, box.succeeded, box.failed, box.stopped, box.live) == (
        *("box", "", 7, 2, 2, 2, 1),
    )
    assert (box.success, box.waited, box.waited_long) == (0.5, pytest.approx(40), pytest.approx(60))
    assert box.ran == pytest.approx(6, abs=1e-4) and box.jobs_a_day == pytest.approx(5)
    assert own.success == 1.0
    assert [(stat.host, stat.recipe) for stat in client.stats("both")] == [("box", "sft"), ("own", "dpo")]
    assert [stat.recipe for stat in client.stats("recipe")] == ["dpo", "sft"]


def test_speed_is_that_of_the_steps_that_were_logged(client: Client, store: Store) -> None:
    for n, pace in enumerate((1, 2, 4)):
        made = job(store, f"j{n}", "succeeded")
        for step in range(0, 20, pace):
            store.metric(made, step, loss=1.0, num_tokens=100.0 * step)
            when = iso(NOW.timestamp() + step / pace)
            store.db.execute("UPDATE metrics SET time=? WHERE job_id=? AND step=?", (when, made, step))
    job(store, "script", "succeeded", recipe="sft")
    (stat,) = client.stats()
    assert stat.steps_a_second == pytest.approx(2) and stat.tokens_a_second == pytest.approx(200)


def test_nothing_is_said_of_what_nothing_is_known_of(client: Client, store: Store) -> None:
    assert client.stats() == []
    store.job("waits", "waiting", at=NOW.timestamp() - 3600)
    (stat,) = client.stats()
    assert (stat.success, stat.waited, stat.jobs_a_day, stat.steps_a_second, stat.ran) == (None, None, None, None, 0)


def test_only_jobs_submitted_since_count(client: Client, store: Store) -> None:
    job(store, "old", "failed", days=9)
    job(store, "new", "succeeded", days=1)
    (stat,) = client.stats(since=NOW - timedelta(days=2))
    assert (stat.jobs, stat.success, stat.jobs_a_day) == (1, 1.0, pytest.approx(0.5))
