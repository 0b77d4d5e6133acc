"""How long to wait before the next try, as a pure function."""

from __future__ import annotations

import random

FIRST, LONGEST = 1.0, 120.0  # seconds
REFUSED = 300.0  # after a wrong key or password: trying often could lock the person out


def delay(failures: int, refused: bool, random_unit: float | None = None) -> float:
    """Seconds until the next try after `failures` in a row: exponential, with jitter from half to the whole.

    The jitter keeps a fleet that failed together from coming back together. `random_unit` (0 to 1) is for tests.
    """
    unit = random.random() if random_unit is None else random_unit  # noqa: S311
    whole = REFUSED if refused else min(LONGEST, FIRST * 2.0 ** max(0, min(failures, 20) - 1))
    return whole * (0.5 + 0.5 * unit)
