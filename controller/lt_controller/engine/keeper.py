"""Housekeeping that needs no host: the files at home of attempts that have ended, and of sweeps and pipelines."""

from __future__ import annotations

import sqlite3
import threading
import time

from ..home import Home
from ..journal import fault
from ..store.writer import Writer
from .flow_files import FlowFiles
from .keepsake import keep
from .steps import StreamStep, passed

RETRY = 60.0  # seconds until one that could not be written is tried again: a full disk
QUIET = 1.0  # seconds without news before it begins: a hundred jobs that end at once come first
PATIENCE = 30  # such waits at the most
CLOSE_LIMIT = 10.0  # seconds; what is not written by then is written by the next controller

Key = tuple[str, int]


class Keeper:
    """A thread that writes each ended attempt's files once, when it is woken."""

    def __init__(self, home: Home, writer: Writer) -> None:
        self._home = home
        self._writer = writer
        self._flows = FlowFiles(home, writer)
        self._wake = threading.Event()
        self._closing = False
        self._later: dict[Key, float] = {}  # what could not be written, and when it is tried again
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """An attempt may have ended, a sweep or a pipeline have changed."""
        self._wake.set()

    def busy(self) -> bool:
        """Whether anything is left that can be written."""
        return bool(self._due())

    def close(self) -> None:
        """Leaves after the attempt that is being written; the rest waits for the next controller."""
        self._closing = True
        self._wake.set()
        self._thread.join(CLOSE_LIMIT)

    def _run(self) -> None:
        while not self._closing:
            try:
                for key in self._due():
                    if self._closing:
                        return
                    self._keep(key)
                self._flows.keep()
            except (sqlite3.Error, OSError):
                fault()
                self._wake.clear()
                self._wake.wait(RETRY)
                continue
            self._wake.wait(RETRY if self._later else None)
            for _ in range(PATIENCE):
                self._wake.clear()
                if self._closing or not self._wake.wait(QUIET):
                    break

    def _keep(self, key: Key) -> None:
        try:
            keep(self._home, *key)
            passed(StreamStep.KEPT, self._home.path)
            self._writer.run("", _mark, *key)
            self._later.pop(key, None)
        except Exception:  # one that can't be written must not hold up the others
            fault()
            self._later[key] = time.monotonic() + RETRY

    def _due(self) -> list[Key]:
        now = time.monotonic()
        later = dict(self._later)
        return [key for key in self._writer.read(_ended) if later.get(key, now) <= now]


def _ended(db: sqlite3.Connection) -> list[Key]:
    return db.execute(
        "SELECT a.job_id, a.attempt FROM attempts a JOIN jobs j ON j.id = a.job_id"
        " WHERE a.exit IS NOT NULL AND a.kept=0 AND j.removed=0"
    ).fetchall()


def _mark(db: sqlite3.Connection, job: str, attempt: int) -> None:
    db.execute("UPDATE attempts SET kept=1 WHERE job_id=? AND attempt=?", (job, attempt))
