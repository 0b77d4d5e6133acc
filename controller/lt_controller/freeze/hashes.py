"""SHA-256 of files, remembered: a file that has not been touched is read once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

_CHUNK = 1 << 20
# A file touched in the last seconds may change again within the clock's grain: its hash is not remembered (git calls
# such entries racy).
_RACY_SECONDS = 2.0


class HashCache:
    """`LT_HOME/cache/hashes.db`: (device, inode, size, mtime, ctime) → sha256. Losing it costs time, nothing else."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError:  # torn by a power cut: it can be made again
            path.unlink(missing_ok=True)
            self._db = _open(path)
        self._fresh: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> HashCache:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def known(self, stat: os.stat_result) -> str | None:
        """The remembered hash of the file with this stat."""
        key = _key(stat)
        if key in self._fresh:
            return self._fresh[key][0]
        row = self._db.execute("SELECT sha256 FROM hashes WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def remember(self, stat: os.stat_result, sha256: str) -> None:
        """Notes a hash; written at `close`."""
        if time.time() - max(stat.st_mtime, stat.st_ctime) > _RACY_SECONDS:
            self._fresh[_key(stat)] = (sha256, time.time())

    def hash(
        self, path: str | os.PathLike[str], stat: os.stat_result, note: Callable[[int], None] | None = None
    ) -> str:
        """The file's hash, read if it isn't known; `note` gets the bytes read so far. Raises OSError."""
        found = self.known(stat)
        if found is None:
            found = sha256_of(path, note)
            if same_file(os.stat(path), stat):
                self.remember(stat, found)
        return found

    def passed(self, check: str) -> bool:
        """Whether this check was passed before. `check` names the content and all that the check depends on."""
        return self._db.execute("SELECT 1 FROM passed WHERE what = ?", (check,)).fetchone() is not None

    def note_passed(self, check: str) -> None:
        """Notes that a check was passed; the same content need not be checked again."""
        with contextlib.suppress(sqlite3.OperationalError), self._db:
            self._db.execute("INSERT OR IGNORE INTO passed VALUES (?)", (check,))

    def close(self) -> None:
        """Writes what is new."""
        try:
            if self._fresh:
                rows = [(key, sha256, seen) for key, (sha256, seen) in self._fresh.items()]
                with self._db:
                    self._db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)", rows)
        except sqlite3.OperationalError:
            pass  # a full disk or a busy cache must not fail a submit
        finally:
            self._db.close()


def sha256_of(path: str | os.PathLike[str], note: Callable[[int], None] | None = None) -> str:
    """The file's hash, always read; `note` gets the bytes read so far. Raises OSError."""
    digest, done = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as stream:
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        while size := stream.readinto(buffer):
            digest.update(view[:size])
            done += size
            if note is not None:
                note(done)
    return digest.hexdigest()


def same_file(a: os.stat_result, b: os.stat_result) -> bool:
    """Whether nothing was written between two stats of a path."""
    return _key(a) == _key(b)


def _key(stat: os.stat_result) -> str:
    return f"{stat.st_dev}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}"


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=OFF")
    db.execute(
        "CREATE TABLE IF NOT EXISTS hashes (key TEXT PRIMARY KEY, sha256 TEXT NOT NULL, seen REAL) WITHOUT ROWID"
    )
    db.execute("CREATE TABLE IF NOT EXISTS passed (what TEXT PRIMARY KEY) WITHOUT ROWID")
    return db
