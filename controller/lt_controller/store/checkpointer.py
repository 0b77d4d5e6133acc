"""Folding the write-ahead log into the database, beside the writer: its fsyncs would hold up every commit."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from ..journal import note

EVERY = 16 << 20  # bytes written between two checkpoints
LIMIT = 128 << 20  # bytes of WAL from which the writer has to give way


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
        self._too_long = False
        self._folding = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="checkpointer", daemon=True)
        self._thread.start()

    def written(self, size: int) -> None:
        """The writer has committed about `size` bytes."""
        self._written += size
        if self._written >= EVERY:
            self._written = 0
            self._due.set()

    def give_way(self, db: sqlite3.Connection) -> None:
        """To be called by the writer between two commits; does something only when the WAL has grown too long.

        SQLite begins it anew only after a checkpoint that nobody wrote behind, and a writer without pause never lets
        that happen: the WAL would grow by all that is ever written. The thread has left little to do.
        """
        if self._too_long:
            with self._folding:  # of two checkpoints at once, one does nothing
                self._too_long = False
                _fold(db)

    def close(self) -> None:
        """Ends the thread after the checkpoint under way."""
        self._closing = True
        self._due.set()
        self._thread.join()

    def _loop(self) -> None:
        db = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        try:
            page = int(db.execute("PRAGMA page_size").fetchone()[0])
            while True:
                self._due.wait()
                self._due.clear()
                if self._closing:
                    return
                with self._folding:
                    self._too_long = _fold(db) * page > LIMIT
        finally:
            db.close()


def _fold(db: sqlite3.Connection) -> int:
    """A passive checkpoint; how many pages the WAL has."""
    try:
        return int(db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
    except sqlite3.Error as error:  # a full disk, say: the WAL keeps what it has, the next try comes
        note(f"checkpoint: {error}")
        return 0
