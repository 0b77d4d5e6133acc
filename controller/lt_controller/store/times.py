"""Times in the database: ISO 8601, UTC, microseconds."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def iso(epoch: float) -> str:
    """The text stored for a moment given in seconds since the epoch."""
    return datetime.fromtimestamp(epoch, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def now() -> str:
    """The present moment."""
    return iso(time.time())


def epoch(text: str) -> float:
    """Seconds since the epoch of a stored time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
