"""What the dispatcher's board says of the followed attempts, told when it changes."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Collection, Dict, List, Optional, Tuple

from ..protocol.paths import LeaseDir
from ..waiting import read_board

EVERY = 1.0  # seconds between two tellings: each start moves everybody's place by one

Key = Tuple[str, int]
Send = Callable[[Dict[str, Any]], None]


class LineNews:
    """Tells places and reasons by pushes `line`, each only when it is another than the one told before."""

    def __init__(self, lease: LeaseDir) -> None:
        self._lease = lease
        self._stamp: Optional[Tuple[int, int]] = None
        self._board: Dict[str, Any] = {}
        self._told: Dict[Key, Any] = {}
        self._revision = -1
        self._next = 0.0

    def look(self, followed: Collection[Key], revision: int, send: Send) -> None:
        """Sends what is new for the `followed` attempts. Costs a stat where nothing is.

        `revision` changes whenever `followed` does.
        """
        now = time.monotonic()
        if now < self._next or (not self._read() and revision == self._revision):
            return
        self._revision = revision
        items: List[Dict[str, Any]] = []
        for key in followed:
            entry = self._board.get(f"{key[0]}-{key[1]}")
            if entry != self._told.get(key):
                items.append({"job": key[0], "attempt": key[1], **_entry(entry)})
                self._told[key] = entry
        for key in self._told.keys() - set(followed):
            del self._told[key]
        if items:
            self._next = now + EVERY
            send({"type": "line", "items": items})

    def _read(self) -> bool:
        try:
            info = os.stat(self._lease.board)
            stamp = (info.st_mtime_ns, info.st_ino)
        except OSError:
            stamp = None
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self._board = read_board(self._lease) if stamp is not None else {}
        return True


def _entry(value: Any) -> Dict[str, Any]:
    if not isinstance(value, list) or len(value) != 3:
        return {"place": None, "waits": None}
    return {"place": value[0], "waits": {"code": value[1], "params": value[2]}}
