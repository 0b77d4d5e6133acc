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
_KEPT = 50  # steps that the usual is taken of, or three rounds where they have more
_ENOUGH = 3  # steps or rounds that say what is usual
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
        self._round = 1
        self._steps: Deque[float] = deque(maxlen=_KEPT)
        # Together, since another thread looks: a new phase must never be seen with the old one's beginning.
        self._present = ("loading", now())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lt-watch", daemon=True)

    @property
    def phase(self) -> str:
        """What goes on now."""
        return self._present[0]

    def start(self) -> None:
        """From now on time counts."""
        self.begin(self.phase)
        self._thread.start()

    def begin(self, phase: str) -> None:
        """A phase begins: `loading`, `tokenising`, `evaluating`, `saving`, `step`."""
        self._present = (phase, self._now())

    def expect_rounds(self, steps: int) -> None:
        """Of so many steps one writes answers first, and takes many times as long as those that learn from them."""
        self._round = max(1, steps)
        self._steps = deque(self._steps, maxlen=max(_KEPT, _ENOUGH * self._round))

    def step(self) -> None:
        """A step ended, and the next one begins."""
        phase, since = self._present
        if phase == "step":
            self._steps.append(self._now() - since)
        self.begin("step")

    def stop(self) -> None:
        """Nothing is watched any more."""
        self._done.set()

    def limit(self) -> float:
        """Seconds that the present phase may take."""
        return self._limit_of(self.phase)

    def overdue(self) -> bool:
        """Whether the present phase is past its limit."""
        phase, since = self._present
        return self._now() - since > self._limit_of(phase)

    def _limit_of(self, phase: str) -> float:
        if phase == "step":
            # Wherever a round begins: so many steps in a row have one among them that writes.
            steps = list(self._steps)
            ends = range(len(steps), self._round - 1, -self._round)
            longest = [max(steps[end - self._round : end]) for end in ends]
            if len(longest) >= _ENOUGH:
                return max(self._floor, self._factor * median(longest))
        return self._limits[phase]

    def _watch(self) -> None:
        while not self._done.wait(min(10.0, max(0.2, self.limit() / 10))):
            phase, since = self._present
            took = self._now() - since
            if took > self._limit_of(phase):
                self._end(phase, took)
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
