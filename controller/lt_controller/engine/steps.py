"""The steps of the controller's work, enumerated so that a fault test can stop it dead after each of them.

`LT_CRASH_AT=<step>` makes the controller kill itself (SIGKILL) the first time it passes that step; a marker in
`LT_HOME` keeps it from doing so again after its restart.
"""

from __future__ import annotations

import os
import signal
from enum import Enum
from pathlib import Path


class Step(str, Enum):
    """A point after which something is durable, here or on the host, and something else is not yet."""


class SubmitStep(Step):
    """From the intent to a job that is followed."""

    SEEN = "submit-seen"  # the intent was read; nothing is written yet
    TAKEN = "submit-taken"  # the job's row exists, the intent is closed
    STAGING = "submit-staging"  # the state says staging
    SENT = "submit-sent"  # a snapshot's files have arrived; the host has not verified them
    COMMITTED = "submit-committed"  # the host has renamed the snapshot in; not recorded here
    STARTED = "submit-started"  # the host has the job; not recorded here
    RECORDED = "submit-recorded"  # recorded as waiting; not followed
    FOLLOWED = "submit-followed"


class PullStep(Step):
    """From a checkpoint's manifest to a verified folder at home."""

    BEGUN = "pull-begun"  # recorded as pulling
    PINNED = "pull-pinned"  # the host keeps it for us
    RECEIVED = "pull-received"  # the bytes are in the staging folder
    VERIFIED = "pull-verified"  # every hash agrees
    PLACED = "pull-placed"  # renamed in; not recorded


class ControlStep(Step):
    """Stop, pause, save, resume, remove."""

    REQUESTED = "control-requested"  # the host has the request; the intent is still open
    RESUMED = "control-resumed"  # the new attempt is written


def every_step() -> list[Step]:
    """All of them, for tests that must not miss a new one."""
    return [step for kind in Step.__subclasses__() for step in kind]


def passed(step: Step, home: Path) -> None:
    """Called right after the step. Does nothing unless a fault test asked for a crash here."""
    if os.environ.get("LT_CRASH_AT") != step.value:
        return
    try:
        os.close(os.open(home / f"crashed-{step.value}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
