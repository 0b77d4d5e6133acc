"""The stop of a running attempt: who asks for it, and what is sent when."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from . import prepare, procs, stopping
from .protocol.errors import LtError
from .protocol.paths import AttemptPaths
from .protocol.records import JobSpec
from .protocol.states import STOPPING
from .stopping import StopRequest
from .watch import FLOOR


class Stopper:
    """Takes in requests from `control/stop.json`, makes those of time and disk, and carries the one that holds out.

    `request` is it, or None; `killed` tells, for the exit record, how far one had to go. The worker is given by its
    pid, None while it does not run.
    """

    def __init__(self, attempt: AttemptPaths, spec: JobSpec, on_event: Callable[..., None]) -> None:
        self._attempt = attempt
        self._spec = spec
        self._on_event = on_event
        self.request: StopRequest | None = None
        self.killed: tuple[str, ...] = ()
        self._asked_at = 0.0
        self._mark: tuple[int, int] | None = None
        self._disk_warned = False

    def look(self, worker: int | None) -> bool:
        """Takes in the request file if it changed; whether a stop is asked for."""
        with contextlib.suppress(OSError):  # not there, or a sick disk: the next look sees
            info = os.stat(self._attempt.stop_request)
            mark = (info.st_ino, info.st_mtime_ns)
            if mark != self._mark:
                request = stopping.read_stop(self._attempt)
                self._mark = mark
                if request is not None:
                    self._take(request, worker)
        return self.request is not None

    def check_time(self, seconds: float, worker: int) -> None:
        """Asks for a stop when the attempt has run as long as it may."""
        if self.request is None and self._spec.timeout is not None and seconds >= self._spec.timeout:
            self._ask("timeout", worker)

    def check_disk(self, worker: int) -> None:
        """Asks for a stop before the disk is full, and warns earlier."""
        try:
            free, floor = prepare.free_bytes(self._attempt.path), self._spec.disk_floor
        except OSError:  # a sick disk: the training is the last that should die of a look at it
            return
        if free < 2 * floor and not self._disk_warned:
            self._disk_warned = True
            self._on_event("disk_low", free=free, floor=floor)
        elif free > 3 * floor:
            self._disk_warned = False
        if free < floor and self.request is None:
            self._ask("disk", worker)

    def proceed(self, worker: int) -> float:
        """Sends what is due to the worker's group; seconds until there is more to do."""
        if self.request is None:
            return FLOOR
        word, wait = stopping.next_signal(time.monotonic() - self._asked_at, self.request.grace, self.killed)
        if word is not None:
            self.killed += (word,)
            procs.send_group(worker, signal.SIGTERM if word == "sigterm" else signal.SIGKILL)
        return FLOOR if wait is None else max(0.01, wait)

    def remaining_grace(self) -> float:
        """Seconds of the grace that are left; 0 without a request."""
        if self.request is None:
            return 0.0
        return max(0.0, self.request.grace - (time.monotonic() - self._asked_at))

    def _take(self, request: StopRequest, worker: int | None) -> None:
        before, self.request = self.request, request
        if before is None or request.time > before.time:
            self._asked_at = time.monotonic()  # by our own clock, from when we saw it
        if before is None or before.kind != request.kind:
            self._on_event("state", state=STOPPING, kind=request.kind, grace=request.grace, by=request.requested_by)
        if before is None:
            self.killed = ("request",)
            # A recipe's worker reads the file itself and saves at its next step; a script knows only signals.
            if self._spec.kind != "recipe" and worker is not None:
                procs.send(worker, signal.SIGTERM)

    def _ask(self, kind: str, worker: int) -> None:
        try:
            request = stopping.request_stop(self._attempt, kind, by="supervisor")
        except (OSError, ValueError, LtError):  # nobody can be told by file; the signals come all the same
            request = StopRequest(kind, self._spec.stop_grace, "supervisor", time.time())
        self._take(request, worker)
