"""Moments as people type them."""

from __future__ import annotations

from datetime import datetime

from lt_agent.protocol.errors import LtError


def moment(text: str | None) -> datetime | None:
    """`2026-11-21`, `2026-11-21T08:00` (local time), or `2d`, `12h` ago. Raises LtError `bad_moment`."""
    from ..client.chain import moment as read
    from .common import seconds

    if text is None:
        return None
    try:
        ago = seconds(text)
    except LtError:
        ago = None
    return read(text, ago)
