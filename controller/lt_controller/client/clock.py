"""What time it is, for everything that shows ages: one place, so that a picture of a screen can be taken at any time."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(timezone.utc)
