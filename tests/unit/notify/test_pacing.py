"""When a channel is told, and how much at once."""

from __future__ import annotations

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.notify.pacing import after_failure, choose, next_look
from lt_controller.store.notices import PATIENT, Notice, Pending
from lt_controller.store.times import iso

NOW = 1_790_000_000.0


def waiting(*ages: float, due: float | None = None) -> list[Pending]:
    """Notices of these ages, in seconds."""
    when = iso(NOW + due) if due is not None else None
    return [
        Pending("a", Notice(n, "failed", "failed", "j", "", 1, "h", "", {}, iso(NOW - age), iso(NOW - age)), 0, when)
        for n, age in enumerate(ages)
    ]


def test_a_channel_waits_a_moment_for_more() -> None:
    assert choose(waiting(0.5), NOW, 1e9) == []
    assert len(choose(waiting(3), NOW, 1e9)) == 1
    assert choose(waiting(8, 1), NOW, 1e9) == [], "they still come"
    assert choose(waiting(11, 1), NOW, 1e9), "but it does not wait for ever"


def test_few_are_told_one_by_one_and_many_at_once() -> None:
    assert len(choose(waiting(5, 5, 5), NOW, 1e9)) == 1
    assert len(choose(waiting(*[5] * 200), NOW, 1e9)) == 200
    assert choose(waiting(*[5] * 200), NOW, 1.0) == [], "no service is written to twice in a second"


def test_what_is_to_be_tried_later_waits() -> None:
    assert choose(waiting(50, due=1), NOW, 1e9) == []
    assert choose(waiting(50, due=-1), NOW, 1e9)
    assert 0.9 < next_look(waiting(50, due=2), NOW, 30.0) <= 2.0
    assert next_look([], NOW, 30.0) == 30.0


def test_a_clock_that_was_set_back_holds_nothing_up() -> None:
    assert choose(waiting(-86400), NOW, 1e9)


def test_pauses_grow_and_end() -> None:
    error = LtError("notify_refused", host="h", status=500, answer="", final=False, retry_after=None)
    pauses = [due - NOW for n in range(PATIENT - 1) if (due := after_failure(n, error, NOW, NOW)) is not None]
    assert len(pauses) == PATIENT - 1 and pauses == sorted(pauses) and pauses[-1] == 600.0
    assert after_failure(PATIENT - 1, error, NOW, NOW) is None


def test_what_no_try_can_cure_ends_at_once_and_a_network_is_waited_for() -> None:
    assert after_failure(0, LtError("notify_refused", final=True), NOW, NOW) is None
    assert after_failure(0, LtError("notify_not_https"), NOW, NOW) is None
    away = LtError("notify_unreachable", host="h", why="dns")
    assert after_failure(50, away, NOW - 3600, NOW) == NOW + 600
    assert after_failure(50, away, NOW - 2 * 86400, NOW) is None


def test_a_secret_that_is_not_known_is_waited_for_as_long_as_it_is_news() -> None:
    unknown = LtError("notify_no_secret", names=["LAB_HOOK"])
    assert after_failure(PATIENT, unknown, NOW - 86400, NOW) == NOW + 600
    assert after_failure(900, unknown, NOW - 6.9 * 86400, NOW) == NOW + 600
    assert after_failure(900, unknown, NOW - 7.1 * 86400, NOW) is None


@pytest.mark.parametrize("asked", [100.0, None])
def test_a_service_is_given_the_time_it_asks_for(asked: float | None) -> None:
    error = LtError("notify_refused", final=False, retry_after=asked)
    assert after_failure(0, error, NOW, NOW) == NOW + (asked or 5.0)
