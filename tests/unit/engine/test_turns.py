"""Connecting takes turns: never more at once than allowed, and every one gets in."""

from __future__ import annotations

import threading

import pytest

from lt_controller.engine import turns
from lt_controller.engine.turns import turn


def test_no_more_than_allowed_connect_at_once_and_all_get_their_turn() -> None:
    gate, lock = threading.BoundedSemaphore(3), threading.Lock()
    inside, most, done = 0, 0, 0

    def connect() -> None:
        nonlocal inside, most, done
        with turn(gate) as mine:
            assert mine
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
                done += 1

    threads = [threading.Thread(target=connect) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == 30 and 1 <= most <= 3


def test_hosts_that_are_down_do_not_keep_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    gate = threading.BoundedSemaphore(1)
    with turn(gate) as first, turn(gate) as second:
        assert first and not second
    with turn(gate) as again:
        assert again


def test_a_turn_is_given_back_after_a_failure() -> None:
    gate = threading.BoundedSemaphore(1)
    with pytest.raises(OSError), turn(gate):
        raise OSError
    assert gate.acquire(blocking=False)
