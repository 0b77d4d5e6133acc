"""Work that must not hold up the streams: done on a thread of its own, in order, its result handed back to the loop."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from typing import Any, Callable, Deque, Tuple

from ..protocol.errors import LtError

Work = Callable[[], Any]
Done = Callable[[Any, "LtError | None"], None]


class Wake:
    """A pipe that other threads write to when the loop has something to look at."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self._set = False

    def __call__(self) -> None:
        """Wakes the loop; from any thread. Many calls before it has looked cost one byte."""
        if not self._set:
            self._set = True
            with contextlib.suppress(OSError):  # full (it is awake) or closed (it is over)
                os.write(self._write, b"!")

    def clear(self) -> None:
        """Empties the pipe; to be called before what the wake stands for is looked at."""
        # Unset only after the read: a wake in between is then either in the pipe or yet to be looked at.
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 4096)
        self._set = False


class Lane:
    """One thread that does what it is given, in that order. Started with its first work."""

    def __init__(self, name: str, wake: Wake) -> None:
        self._name = name
        self._wake = wake
        self._todo: queue.SimpleQueue[Tuple[Work, Done]] = queue.SimpleQueue()
        self._results: Deque[Tuple[Done, Any, LtError | None]] = deque()
        self._thread: threading.Thread | None = None

    def submit(self, work: Work, done: Done) -> None:
        """Runs `work` on the lane; `done(result, error)` is called on the loop's thread by `collect`."""
        self._todo.put((work, done))
        if self._thread is None:
            # A daemon: when the controller is gone nobody waits for a hash of gigabytes to end.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def collect(self) -> None:
        """Calls back for all work that has ended; on the loop's thread."""
        while self._results:
            done, result, error = self._results.popleft()
            done(result, error)

    def _run(self) -> None:
        while True:
            work, done = self._todo.get()
            result, error = attempt(work)
            self._results.append((done, result, error))
            self._wake()


def attempt(work: Work) -> Tuple[Any, LtError | None]:
    """The result of `work`, or the error to answer with. A surprise is answered too: it must not end the bridge."""
    try:
        return work(), None
    except LtError as error:
        return None, error
    except OSError as error:
        if error.errno in _FULL:
            return None, LtError("disk_full", path=str(error.filename or ""))
        return None, LtError("agent_failed", problem=str(error), kind=type(error).__name__)
    except Exception as error:
        return None, LtError("agent_failed", problem=str(error), kind=type(error).__name__)


_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT
