"""Waiting for news: the controller says what it has committed; a look at the database twice a second is the floor."""

from __future__ import annotations

import contextlib
import time

from lt_agent.protocol.errors import LtError

from ..home import Home
from . import socket as controller
from .database import Reader
from .models import Change

FLOOR_SECONDS = 0.5
_RETRY_SECONDS = 2.0
EVERYTHING: Change = frozenset({"*"})


class Watch:
    """Reports changes of the database. Read first, then `wait`, then read again: no change falls in between.

    With `keep_running` a controller that has gone is started again, so that what is followed keeps flowing.
    """

    def __init__(self, home: Home, db: Reader, *, keep_running: bool = False) -> None:
        self._home = home
        self._db = db
        self._keep_running = keep_running
        self._line: controller.Line | None = None
        self._next_try = 0.0
        self._version = db.version()
        self._connect()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def wait(self, timeout: float | None = None) -> Change:
        """The topics that have changed (`EVERYTHING` where only that something did), empty after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if deadline is None:
                changed = self._look(FLOOR_SECONDS)
            else:
                changed = self._look(min(FLOOR_SECONDS, max(0.0, deadline - time.monotonic())))
            if changed or (deadline is not None and time.monotonic() >= deadline):
                return changed

    def close(self) -> None:
        """Hangs up."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _look(self, seconds: float) -> Change:
        if self._line is None and time.monotonic() >= self._next_try:
            self._connect()
        if self._line is None:
            time.sleep(seconds)  # the floor: nobody is there to wake us
        else:
            try:
                news = self._line.receive(seconds)
            except OSError:
                self.close()
                news = None
            if news is not None:
                self._version = self._db.version()
                topics = news.get("changed")
                return frozenset(map(str, topics)) if isinstance(topics, list) and topics else EVERYTHING
        version = self._db.version()
        if version != self._version:
            self._version = version
            return EVERYTHING
        return frozenset()

    def _connect(self) -> None:
        self._next_try = time.monotonic() + _RETRY_SECONDS
        if self._keep_running:
            with contextlib.suppress(LtError):  # what is at home can be read without it
                controller.ensure(self._home)
        line = None
        try:
            line = controller.Line(self._home, 5.0)
            line.send({"id": 1, "op": "subscribe"})
            self._line = line
        except (OSError, LtError):
            if line is not None:
                line.close()
