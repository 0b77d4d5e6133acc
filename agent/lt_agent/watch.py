"""Being woken when something changes in a folder: inotify, through watchdog.

It is the fast way and no more than that. inotify says nothing on NFS, containers allow few watches, and some platforms
come without watchdog; so whoever uses this looks for himself every `FLOOR` seconds as well. A stat costs microseconds.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import Inotify

FLOOR = 2.0  # seconds between two looks where no event comes
_SETTLE = 0.005  # seconds between two wakes: a chatty log makes one call of a burst
# What goes on and on, a log of a hundred lines a second, is gathered for longer: whoever is woken reads, sends and
# stores once for all of it, and fifty such hosts are still one laptop's work.
_GATHER = 0.05
_PAUSE = 2 * _GATHER  # seconds without news after which the next is told at once again
_BURST = 16  # wakes without such a pause that are no more than something beginning or ending


class FolderWatch:
    """Calls `wake()` soon after a file directly in one of the folders was made, written, renamed or deleted.

    `wake` is called in a thread of its own and must be quick and not raise: set an event, write a byte to a pipe.
    `changed` then tells the folders. All folders share one inotify instance (users have few) and one thread, which
    starts with the first folder. Where there is no inotify, nothing is ever told.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._folders: dict[bytes, Path] = {}
        self._changed: set[Path] = set()
        self._inotify: Inotify | None = None
        self._off = False
        self._thread: threading.Thread | None = None

    @property
    def active(self) -> bool:
        """Whether inotify serves this."""
        return self._inotify is not None and not self._off

    def add(self, folder: Path) -> None:
        """Watches `folder` from now on. One that is not there is passed over: the floor will find it."""
        name = os.fsencode(folder)
        with self._lock:
            if self._off or name in self._folders:
                return
            try:
                if self._inotify is None:
                    self._inotify = _open_inotify(name)
                else:
                    self._inotify.add_watch(name)
            except (FileNotFoundError, NotADirectoryError):
                return
            except (ImportError, OSError):  # no watchdog here, or no more watches for this user
                self._off = self._inotify is None
                return
            self._folders[name] = folder
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, args=(self._inotify,), name="watch", daemon=True)
                self._thread.start()

    def remove(self, folder: Path) -> None:
        """Watches `folder` no more; one that never was watched is passed over."""
        with self._lock:
            if self._folders.pop(os.fsencode(folder), None) is not None and self._inotify is not None:
                with contextlib.suppress(KeyError, OSError):  # the folder was deleted, and its watch with it
                    self._inotify.remove_watch(os.fsencode(folder))

    def changed(self) -> list[Path]:
        """The folders in which something changed since the last call."""
        with self._lock:
            found = list(self._changed)
            self._changed.clear()
        return found

    def close(self) -> None:
        """Ends it. `wake` is not called after this."""
        with self._lock:
            self._off = True
        if self._inotify is not None and self._thread is not None:
            self._inotify.close()
            if self._thread is not threading.current_thread():
                self._thread.join()

    def _run(self, inotify: Inotify) -> None:
        row, last = 0, 0.0  # wakes in a row, and when the last one was
        while not self._off:
            try:
                sources = [os.path.dirname(e.src_path) if e.name else e.src_path for e in inotify.read_events()]
            except KeyError:
                # A watch that was just removed may leave events behind, and watchdog has no path for them any more;
                # what came with them is lost, so every folder counts as changed.
                sources = list(self._folders)
            if self._off:
                return
            with self._lock:
                self._changed.update(self._folders[name] for name in sources if name in self._folders)
            self._wake()
            now = time.monotonic()
            row, last = (row + 1 if now - last < _PAUSE else 0), now
            time.sleep(_GATHER if row > _BURST else _SETTLE)


def _open_inotify(folder: bytes) -> Inotify:
    from watchdog.observers.inotify_c import Inotify, InotifyConstants

    # Not opening and closing for reading: whoever is woken reads the files, and would wake himself.
    mask = (
        InotifyConstants.IN_MODIFY
        | InotifyConstants.IN_CREATE
        | InotifyConstants.IN_DELETE
        | InotifyConstants.IN_MOVED_TO
        | InotifyConstants.IN_MOVED_FROM
    )
    return Inotify(folder, event_mask=mask)
