"""The states of a job and of its pull, and every transition between them, as pure data."""

from __future__ import annotations

QUEUED = "queued"  # the intent is written; the controller has not begun
STAGING = "staging"  # code and data are on their way to the host
WAITING = "waiting"  # the host has it; no free slot yet
PREPARING = "preparing"  # a slot is granted; environment, code and data are made ready
RUNNING = "running"  # the worker process has started
STOPPING = "stopping"  # asked to save and leave
PAUSED = "paused"  # saved and gone, the GPU is free; `resume` starts a new attempt
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
TIMED_OUT = "timed_out"
LOST = "lost"

STATES = (
    QUEUED,
    STAGING,
    WAITING,
    PREPARING,
    RUNNING,
    STOPPING,
    PAUSED,
    SUCCEEDED,
    FAILED,
    CANCELLED,
    TIMED_OUT,
    LOST,
)
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED, TIMED_OUT, LOST})
RESTING = ENDED | {PAUSED}  # nothing of the job runs or waits to run

MOVED = "moved"  # the reason of an attempt that was taken back before it began: its job goes to another host

PULL_STATES = ("none", "pending", "pulling", "pulled", "failed")

_ORDER = (QUEUED, STAGING, WAITING, PREPARING, RUNNING, STOPPING)


def can_transition(before: str, after: str) -> bool:
    """Whether a job may go from `before` to `after`.

    Work moves forward only, and may skip a state whose news arrived late. From anything alive every end is
    possible. A resting job leaves its rest only by a new attempt, which begins at `queued`.
    Raises ValueError for a word that is no state.
    """
    for word in (before, after):
        if word not in STATES:
            raise ValueError(f"not a job state: {word!r}")
    if before in RESTING:
        return after == QUEUED or (before == PAUSED and after == CANCELLED)
    if after in RESTING:
        return True
    return _ORDER.index(after) > _ORDER.index(before)
