"""Times in the database: ISO 8601, UTC, microseconds."""

from __future__ import annotations

import time
from datetime import datetime, timezone

_LAST = 253402300799.0  # the end of the year 9999


def iso(epoch: float) -> str:
    """The text stored for a moment given in seconds since the epoch.

    What is no time (a script's milliseconds, NaN) becomes the first or last moment there is: a row must not be refused.
    """
    moment = min(max(epoch, 0.0), _LAST) if epoch == epoch else 0.0
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def now() -> str:
    """The present moment."""
    return iso(time.time())


def epoch(text: str) -> float:
    """Seconds since the epoch of a stored time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
