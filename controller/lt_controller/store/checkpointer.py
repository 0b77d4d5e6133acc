"""Folding the write-ahead log into the database, beside the writer: its fsyncs would hold up every commit."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from ..journal import note

EVERY = 16 << 20  # bytes written between two checkpoints


class Checkpointer:
    """A thread with a connection of its own that runs `wal_checkpoint(PASSIVE)` when enough has been written.

    A passive checkpoint waits for nobody and nobody waits for it (https://sqlite.org/wal.html); what a long reader
    holds back is folded in by a later one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0
        self._due = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="checkpointer", daemon=True)
        self._thread.start()

    def written(self, size: int) -> None:
        """The writer has committed about `size` bytes."""
        self._written += size
        if self._written >= EVERY:
            self._written = 0
            self._due.set()

    def close(self) -> None:
        """Ends the thread after the checkpoint under way."""
        self._closing = True
        self._due.set()
        self._thread.join()

    def _loop(self) -> None:
        db = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        try:
            while True:
                self._due.wait()
                self._due.clear()
                if self._closing:
                    return
                try:
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)")
                except sqlite3.Error as error:  # a full disk, say: the WAL keeps what it has, the next try comes
                    note(f"checkpoint: {error}")
        finally:
            db.close()
