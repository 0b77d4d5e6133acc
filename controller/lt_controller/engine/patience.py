"""When what could not be submitted is tried again: each try looks at hosts, and one that is away costs seconds."""

from __future__ import annotations

import time
from pathlib import Path


class Patience:
    """Holds off what has just failed, by a key of the caller's; an edit of the inventory makes all of it due."""

    def __init__(self, hosts_file: Path) -> None:
        self._hosts_file = hosts_file
        self._due: dict[str, tuple[float, object]] = {}

    def put_off(self, key: str, seconds: float) -> float:
        """No try for so long; returns `seconds`."""
        self._due[key] = (time.monotonic() + seconds, self._stamp())
        return seconds

    def left(self, key: str) -> float:
        """Seconds until the next try; 0 where one is due."""
        due, stamp = self._due.get(key, (0.0, None))
        left = due - time.monotonic()
        if left > 0 and stamp == self._stamp():
            return left
        self._due.pop(key, None)
        return 0.0

    def clear(self) -> None:
        """A person has asked for something: all is due."""
        self._due.clear()

    def _stamp(self) -> object:
        try:
            stat = self._hosts_file.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
