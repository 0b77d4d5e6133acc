"""One large transfer over several connections side by side.

OpenSSH lets 2 MiB of a channel be under way (CHAN_SES_WINDOW_DEFAULT in its channels.h): over a line of 100 ms that is
20 MB/s, however wide the line is. Several connections have that much each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry

from .base import Progress, ProgressCallback

STREAMS = 4  # connections at once: sshd's MaxStartups begins to refuse at ten logins under way
WORTH = 32 << 20  # bytes for which another connection is worth its login
LOOK_EVERY = 0.25  # seconds between two looks at `cancel`

T = TypeVar("T")
Work = Callable[[list[FileEntry], ProgressCallback, threading.Event], T]


def shares(files: Sequence[FileEntry], streams: int = STREAMS) -> list[list[FileEntry]]:
    """The files in at most `streams` parts of about the same size; in one where another would bring little.

    A file is never cut, so there is no use in more parts than the largest file fits into the whole.
    """
    total = sum(entry.size for entry in files)
    count = min(streams, total // max(WORTH, *(entry.size for entry in files), 1)) if files else 0
    if count < 2:
        return [list(files)]
    parts: list[list[FileEntry]] = [[] for _ in range(count)]
    sizes = [0] * count
    for entry in sorted(files, key=lambda entry: -entry.size):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(entry)
        sizes[smallest] += entry.size
    return parts


def side_by_side(
    host: str,
    parts: Sequence[list[FileEntry]],
    work: Work[T],
    progress: ProgressCallback | None,
    cancel: threading.Event | None,
) -> list[T]:
    """What `work` returns for each part; all at once, each on a thread. `progress` hears of the sum.

    Raises LtError `transfer_cancelled` when `cancel` is set, and what one of them raises; the others then end first.
    """
    total = sum(entry.size for part in parts for entry in part)
    told = _Sum(len(parts), total, progress)
    stop = threading.Event()
    with ThreadPoolExecutor(len(parts), thread_name_prefix=f"transfer-{host}") as pool:
        running = [pool.submit(work, part, told.part(number), stop) for number, part in enumerate(parts)]
        try:
            left: set[Future[T]] = set(running)
            while left:
                ended, left = wait(left, LOOK_EVERY)
                for future in ended:
                    future.result()
                if cancel is not None and cancel.is_set():
                    raise LtError("transfer_cancelled", host=host)
        finally:
            stop.set()
    return [future.result() for future in running]


class _Sum:
    """The progress of several transfers as that of one."""

    def __init__(self, count: int, total: int, progress: ProgressCallback | None) -> None:
        self._of = [Progress(0, total, 0)] * count
        self._total = total
        self._progress = progress
        self._lock = threading.Lock()

    def part(self, number: int) -> ProgressCallback:
        """What transfer `number` reports to."""

        def heard(progress: Progress) -> None:
            with self._lock:
                self._of[number] = progress
                if self._progress is not None:
                    done, files = sum(one.done for one in self._of), sum(one.files for one in self._of)
                    self._progress(Progress(min(done, self._total), self._total, files))

        return heard
