"""Waiting for events, with a deadline that tells what never came."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Deadlines in tests are what a quiet machine needs at the most. A busy one gets so many times as much: a deadline tells
# that something will never come, not that it was slow.
PATIENCE = 4.0


def until(check: Callable[[], T], timeout: float = 30.0, what: str = "") -> T:
    """The first true value of `check()`, asked every 20 ms. Raises AssertionError after `timeout` × PATIENCE s."""
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        value = check()
        if value:
            return value
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"not within {timeout} s: {what or check}; last value {value!r}")
        # A check that looks through all processes must not take the processor from what it waits for.
        time.sleep(max(0.02, now - began))


def stays(check: Callable[[], object], seconds: float, what: str = "") -> None:
    """Fails if `check()` is false at any moment of the next `seconds`: for what must not come, however long one waits.

    A busy machine makes this no stricter, only a quiet one can fail it: so the time is not multiplied.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert check(), f"within {seconds} s: {what or check}"
        time.sleep(0.02)
