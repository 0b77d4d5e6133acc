"""A sweep and its trials, as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..store import sweeps as stored


@dataclass(frozen=True)
class Trial:
    """A trial as it stands. `state`: its job's while it is under way, else succeeded, failed, pruned or stopped."""

    number: int
    job: str  # the job's name
    job_id: str
    state: str
    params: Mapping[str, Any]
    value: float | None = None  # of the metric: the one that counts, or the newest of a trial under way
    at: int | None = None  # the step of that value
    kind: str | None = None  # `recipe` or `command`
    host: str | None = None
    step: int | None = None
    total_steps: int | None = None
    reason: str | None = None  # why its job ended as it did
    message: str | None = None
    exit_code: int | None = None
    error: Mapping[str, Any] | None = None  # why its job could not be made
    seconds: float = 0.0  # that it has run
    pulled: bool = False  # something of it is at home, verified

    @property
    def over(self) -> bool:
        """It has ended."""
        return self.state in stored.OVER


@dataclass(frozen=True)
class Sweep:
    """A sweep as it stands. `state`: running, stopping, stopped, done or failed."""

    id: str
    name: str
    hosts: str  # as they were asked for
    recipe: str
    state: str
    metric: str | None
    direction: str
    total: int  # trials in all
    concurrency: int
    keys: tuple[str, ...]  # what is swept
    trials: tuple[Trial, ...]  # those that have begun
    error: Mapping[str, Any] | None = None  # why it ended early, or why no trial can begin now
    created_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def alive(self) -> bool:
        """It has not come to its end."""
        return self.state in (stored.RUNNING, stored.STOPPING)

    @property
    def best(self) -> Trial | None:
        """The best of the trials that ran to their end."""
        found = [trial for trial in self.trials if trial.state == stored.SUCCEEDED and trial.value is not None]
        pick = min if self.direction == "minimize" else max
        return pick(found, key=lambda trial: trial.value or 0.0) if found else None
