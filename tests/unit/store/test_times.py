"""Times come from other machines and from people's scripts: any number gives a text that sorts."""

from __future__ import annotations

import pytest

from lt_controller.store.times import epoch, iso


@pytest.mark.parametrize("odd", [1.7e12, 1e300, -1e300, float("inf"), float("nan"), -1.0])
def test_a_number_that_is_no_time_gives_a_time_at_the_edge(odd: float) -> None:
    assert iso(0.0) <= iso(odd) <= iso(253402300799.0)


def test_a_time_comes_back_as_it_went() -> None:
    assert epoch(iso(1_790_000_000.25)) == 1_790_000_000.25
