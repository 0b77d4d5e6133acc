"""Housekeeping of the database that nobody waits for: old samples of hosts are thinned, a little at a time."""

from __future__ import annotations

import sqlite3
import threading
import time

from ..journal import note
from ..store import usage
from ..store.writer import Writer

FIRST = 20.0  # seconds after the start: a controller that comes for one command has better things to do
EVERY = 600.0


class Housekeeper:
    """A thread that tidies now and then. Each step is a short transaction of its own, so that others get between."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leaves after the step that is being done; what is left is for the next time."""
        self._closing.set()
        self._thread.join()

    def tidy(self) -> None:
        """Does all that is due."""
        for host in self._writer.run("", usage.hosts):
            while not self._closing.is_set() and self._writer.run("", usage.thin, host, time.time()):
                pass

    def _run(self) -> None:
        wait = FIRST
        while not self._closing.wait(wait):
            wait = EVERY
            try:
                self.tidy()
            except sqlite3.Error as error:  # a full disk, a database that somebody holds: the next time, then
                note(f"housekeeping: {error}")
