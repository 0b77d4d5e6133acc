"""Numbers that a host told: JSON allows what no column and no sum can take."""

from __future__ import annotations

import math
from typing import Any


def finite(value: Any) -> float | None:
    """The number; None for what is none: NaN, infinity, an integer of hundreds of digits."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
