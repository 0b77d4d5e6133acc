"""Price times hours, with no hour counted twice."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from lt_controller.client.cost import busy_hours, hours_left
from lt_controller.client.models import Job

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)


def ran(begin: float, end: float | None, state: str = "succeeded") -> Job:
    started = NOON + timedelta(hours=begin)
    finished = NOON + timedelta(hours=end) if end is not None else None
    return Job("01", "job", "a100", "recipe", state, "me", started_at=started, finished_at=finished)


def test_jobs_side_by_side_cost_the_host_once() -> None:
    assert busy_hours([ran(-4, -2), ran(-3, -1), ran(-3, -2)], NOON) == 3.0


def test_a_running_job_counts_until_now_and_a_waiting_one_not_at_all() -> None:
    waiting = Job("02", "next", "a100", "recipe", "waiting", "me")
    assert busy_hours([ran(-1, None, "running"), waiting], NOON) == 1.0


def test_a_lease_that_is_over_has_no_hours_left() -> None:
    assert hours_left(NOON - timedelta(hours=1), NOON) == 0.0
    assert hours_left(NOON + timedelta(minutes=90), NOON) == 1.5
    assert hours_left(None, NOON) is None
