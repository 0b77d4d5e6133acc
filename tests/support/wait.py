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
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or check}; last value {value!r}")
        time.sleep(0.02)
