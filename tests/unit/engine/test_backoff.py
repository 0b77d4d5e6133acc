"""The wait before the next try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lt_controller.engine.backoff import FIRST, LONGEST, REFUSED, delay


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_a_wait_is_never_shorter_than_half_the_first_nor_longer_than_the_longest(failures: int, unit: float) -> None:
    assert FIRST / 2 <= delay(failures, refused=False, random_unit=unit) <= LONGEST


def test_waits_double() -> None:
    waits = [delay(n, refused=False, random_unit=1.0) for n in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120]


def test_a_refused_login_is_not_tried_often() -> None:
    assert delay(1, refused=True, random_unit=0.0) >= REFUSED / 2
