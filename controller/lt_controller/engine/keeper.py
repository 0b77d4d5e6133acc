"""Housekeeping that needs no host: the files under `runs/<job>/.lt/` of attempts that have ended."""

from __future__ import annotations

import sqlite3
import threading

from ..home import Home
from ..store.writer import Writer
from .keepsake import keep

RETRY = 60.0  # seconds, after a full disk
QUIET = 1.0  # seconds without news before it begins: a hundred jobs that end at once come first
PATIENCE = 30  # such waits at the most


class Keeper:
    """A thread that writes each ended attempt's files once, when it is woken."""

    def __init__(self, home: Home, writer: Writer) -> None:
        self._home = home
        self._writer = writer
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """An attempt may have ended."""
        self._wake.set()

    def busy(self) -> bool:
        """Whether anything is left to write."""
        return bool(self._writer.run("", _ended))

    def close(self) -> None:
        """Leaves after the attempt that is being written; the rest waits for the next controller."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            try:
                for job, attempt in self._writer.run("", _ended):
                    if self._closing:
                        return
                    keep(self._home, job, attempt)
                    self._writer.run("", _mark, job, attempt)
            except OSError as error:
                print(f"keeper: {error}", flush=True)  # noqa: T201 - the controller's log
                self._wake.wait(RETRY)
                continue
            self._wake.wait()
            for _ in range(PATIENCE):
                self._wake.clear()
                if self._closing or not self._wake.wait(QUIET):
                    break


def _ended(db: sqlite3.Connection) -> list[tuple[str, int]]:
    return db.execute("SELECT job_id, attempt FROM attempts WHERE exit IS NOT NULL AND kept=0 LIMIT 50").fetchall()


def _mark(db: sqlite3.Connection, job: str, attempt: int) -> None:
    db.execute("UPDATE attempts SET kept=1 WHERE job_id=? AND attempt=?", (job, attempt))
