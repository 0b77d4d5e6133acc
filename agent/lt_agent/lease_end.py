"""The end of a rented machine: told by the controllers, kept on the machine, acted on with no laptop attached.

Each controller says at its hello in how many seconds the lease ends, so that only this machine's clock counts; a later
word replaces the earlier. A file of the lease folder holds them by owner: two laptops may know different ends.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

from . import locks
from .protocol.files import read_json, write_json
from .protocol.paths import LeaseDir

REARM = 30.0  # seconds by which an end must have moved away again: each hello tells it a little differently


def tell(lease: LeaseDir, owner: str, left: Any, lead: Any) -> None:
    """Writes down that this owner's lease ends in `left` seconds, and that trainings are to save `lead` before it.

    None as `left`, or no lead, takes back what was told.
    """
    held = locks.lock(lease.own / ".lease_end", 5.0)
    try:
        known = _read(lease)
        before = known.pop(owner, None)
        if _is_number(left) and _is_number(lead) and lead > 0:
            known[owner] = {"until": time.time() + left, "lead": lead}
        if known or before is not None:
            write_json(lease.lease_end, known)
    finally:
        if held is not None:
            os.close(held)


class LeaseEnd:
    """For one attempt: whether the moment has come to save for the lease's sake. Looks at the file when it changed."""

    def __init__(self, lease: LeaseDir) -> None:
        self._lease = lease
        self._mark: tuple[int, int] | None = None
        self._known: dict[str, Any] = {}
        self._armed = True

    def due(self, owner: Callable[[], str], now: float) -> float | None:
        """Seconds that are left once the owner's lead has begun, until `asked`; again only after the end was put off.

        `now` is this machine's time. A lease that is over asks for nothing: there is nothing to save for. The owner is
        asked for only where an end is known.
        """
        self._look()
        told = self._known.get(owner()) if self._known else None
        if not isinstance(told, dict) or not (_is_number(told.get("until")) and _is_number(told.get("lead"))):
            return None
        left = float(told["until"]) - now
        if left > told["lead"] + REARM:
            self._armed = True
        if not self._armed or not 0 < left <= told["lead"]:
            return None
        return left

    def asked(self) -> None:
        """What was due has been asked for. Until then it stays due: a request may fail, and is tried again."""
        self._armed = False

    def _look(self) -> None:
        try:
            info = os.stat(self._lease.lease_end)
        except OSError:
            self._known = {}
            return
        mark = (info.st_ino, info.st_mtime_ns)
        if mark != self._mark:
            self._mark = mark
            self._known = _read(self._lease)


def _read(lease: LeaseDir) -> dict[str, Any]:
    try:
        value = read_json(lease.lease_end)
    except (OSError, ValueError):
        return {}
    return dict(value) if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
