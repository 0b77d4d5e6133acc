"""What time it is, for everything that shows ages: in one place, so that a picture can be taken at a fixed moment."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(timezone.utc)
