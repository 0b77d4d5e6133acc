"""What waits to be sent: two bounded queues over one non-blocking descriptor."""

from __future__ import annotations

import os
from collections import deque
from typing import Any, Deque

from ..protocol import frames

BULK_LIMIT = 1 << 20  # bytes of pushes that may wait: enough to keep a pipe busy, little enough that news is not stale
URGENT_LIMIT = 16 << 20  # bytes of replies that may wait before no further request is read


class Outbox:
    """Frames on their way out. Replies and beats go ahead of pushes, but never into the middle of a frame.

    Nothing here blocks: `flush` writes what the descriptor takes, and `has_room` tells who fills the outbox when to
    hold back, so that a slow link costs a bounded amount of memory.
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._urgent: Deque[memoryview] = deque()
        self._bulk: Deque[memoryview] = deque()
        self._current: memoryview | None = None
        self._urgent_size = 0
        self._bulk_size = 0
        self.deflates = False  # large pushes, where the other side wants it: over a line that encrypts

    def start(self) -> None:
        """Queues the magic that begins the stream."""
        self._urgent.append(memoryview(frames.MAGIC))
        self._urgent_size += len(frames.MAGIC)

    def send(self, header: dict[str, Any], payload: bytes = b"", *, urgent: bool = False) -> None:
        """Queues a frame. Raises ProtocolError if it is larger than the protocol allows."""
        data = memoryview(frames.encode(header, payload, deflate=self.deflates and not urgent))
        if urgent:
            self._urgent.append(data)
            self._urgent_size += len(data)
        else:
            self._bulk.append(data)
            self._bulk_size += len(data)

    @property
    def waiting(self) -> bool:
        """Whether anything is left to be written."""
        return self._current is not None or bool(self._urgent) or bool(self._bulk)

    @property
    def has_room(self) -> bool:
        """Whether another push may be queued."""
        return self._bulk_size < BULK_LIMIT

    @property
    def accepts_requests(self) -> bool:
        """Whether the other side reads its replies at all: if not, its requests may wait as well."""
        return self._urgent_size < URGENT_LIMIT

    def flush(self) -> None:
        """Writes until the descriptor is full or nothing waits. Raises OSError (BrokenPipeError) when it is closed."""
        while True:
            if self._current is None:
                if not self._next():
                    return
                continue
            try:
                written = os.write(self._fd, self._current)
            except BlockingIOError:
                return
            rest = self._current[written:]
            self._current = rest if len(rest) else None

    def _next(self) -> bool:
        if self._urgent:
            self._current = self._urgent.popleft()
            self._urgent_size -= len(self._current)
        elif self._bulk:
            self._current = self._bulk.popleft()
            self._bulk_size -= len(self._current)
        return self._current is not None
