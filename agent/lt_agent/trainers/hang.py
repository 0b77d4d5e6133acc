"""Notices that nothing goes on any more: no step for ten times the usual, or a phase that takes longer than it may."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections import deque
from statistics import median
from typing import Any, Callable, Deque, Mapping

from lt_agent.protocol.files import append_line

from .failures import TrainingFailure, record
from .job import WorkerJob, is_main

LIMITS = {"loading": 3600.0, "tokenising": 4 * 3600.0, "evaluating": 4 * 3600.0, "saving": 3600.0, "step": 1800.0}
"""Seconds that a phase may take where the recipe's `watch:` says nothing; `step` is the first step's."""

FACTOR, FLOOR = 10.0, 120.0  # times the median step; seconds below which nothing counts as a hang
_KEPT = 50  # steps that the median is taken of
EXIT_CODE = 1


class Watch:
    """Told what begins and that a step ended. Past its limit it dumps all stacks into the log and ends the process.

    `now` and `end` are there for tests; `end` is called once, from the watching thread.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        end: Callable[[str, float], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = {**LIMITS, **{key: float(settings[key]) for key in LIMITS if settings.get(key)}}
        self._factor = float(settings.get("step_factor") or FACTOR)
        self._floor = float(settings.get("step_floor") or FLOOR)
        self._end, self._now = end, now
        self._steps: Deque[float] = deque(maxlen=_KEPT)
        self._phase, self._since = "loading", now()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lt-watch", daemon=True)

    def start(self) -> None:
        """From now on time counts."""
        self._since = self._now()
        self._thread.start()

    def begin(self, phase: str) -> None:
        """A phase begins: `loading`, `tokenising`, `evaluating`, `saving`, `step`."""
        self._phase, self._since = phase, self._now()

    def step(self) -> None:
        """A step ended, and the next one begins."""
        if self._phase == "step":
            self._steps.append(self._now() - self._since)
        self.begin("step")

    def stop(self) -> None:
        """Nothing is watched any more."""
        self._done.set()

    def limit(self) -> float:
        """Seconds that the present phase may take."""
        if self._phase == "step" and len(self._steps) >= 3:
            return max(self._floor, self._factor * median(self._steps))
        return self._limits[self._phase]

    def overdue(self) -> bool:
        """Whether the present phase is past its limit."""
        return self._now() - self._since > self.limit()

    def _watch(self) -> None:
        while not self._done.wait(min(10.0, max(0.2, self.limit() / 10))):
            if self.overdue():
                self._end(self._phase, self._now() - self._since)
                return


def ending(job: WorkerJob) -> Callable[[str, float], None]:
    """What is done about a hang: stacks into the log, an event, failure.json, and the process ends.

    It does not wait for anything: what hangs may hold any lock, and a GPU's driver does not answer.
    """

    def end(phase: str, seconds: float) -> None:
        print(f"nothing has happened for {seconds:.0f} s while {phase}; where each thread is:", file=sys.stderr)  # noqa: T201
        sys.stderr.flush()
        faulthandler.dump_traceback(all_threads=True)
        if is_main():
            params = {"phase": phase, "seconds": round(seconds)}
            append_line(job.paths.events, {"time": time.time(), "code": "hang", "params": params})
        message = f"no progress for {seconds:.0f} s while {phase}; the log shows where each thread was"
        record(job.paths, TrainingFailure("hang", message))
        os._exit(EXIT_CODE)

    return end
