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


class StreamStep(Step):
    """From a running job to its whole record at home."""

    ASKED = "stream-asked"  # the host sends; nothing of it is stored
    STORED = "stream-stored"  # a piece and its cursor are in the database; the next one is on its way
    ENDED = "stream-ended"  # the end is recorded; the run's own files at home are not written
    KEPT = "stream-kept"  # they are written; not recorded


class PullStep(Step):
    """From a checkpoint's manifest to a verified folder at home."""

    ANNOUNCED = "pull-announced"  # the manifest is recorded; nothing was asked of the host
    BEGUN = "pull-begun"  # recorded as pulling
    PINNED = "pull-pinned"  # the host keeps it for us
    RECEIVED = "pull-received"  # the bytes are in the staging folder
    VERIFIED = "pull-verified"  # every hash agrees
    CLEARED = "pull-cleared"  # what stood in its place is aside, and it does not stand there yet
    PLACED = "pull-placed"  # renamed in; not recorded
    RECORDED = "pull-recorded"  # recorded as pulled; what it supersedes is still at home


class StopStep(Step):
    """From a person's stop or pause to a host that knows it."""

    SEEN = "stop-seen"  # the intent was read; the host knows nothing
    REQUESTED = "stop-requested"  # the host has the request; not recorded here
    RECORDED = "stop-recorded"  # recorded as stopping; the intent is still open


class ResumeStep(Step):
    """From a person's resume to a new attempt; what follows are the steps of a submit."""

    SEEN = "resume-seen"  # the intent was read; nothing is written
    BEGUN = "resume-begun"  # the new attempt is written


class AskStep(Step):
    """The other requests of a person."""

    SAVE = "save-requested"  # the host has it; the intent is still open
    PRIORITY = "priority-requested"  # recorded here and on the host; the intent is still open
    REMOVE = "remove-done"  # the host has deleted the job; not recorded here
    CLEAR = "clear-done"  # the host has deleted what is at home; not recorded here


class MoveStep(Step):
    """From a job that waits where it can't begin to one that goes elsewhere."""

    WITHDRAWN = "move-withdrawn"  # the host will never begin it; not recorded here


class FenceStep(Step):
    """From a host that is given up to one that has stopped what it ran."""

    STOPPED = "fence-stopped"  # the host has the request; not recorded here


class RecoverStep(Step):
    """From a host's job folders to a database that knows them."""

    ADOPTED = "recover-adopted"  # the host has recorded the new owner; nothing is written here
    ADDED = "recover-added"  # a job's rows are written; the request is still open


def every_step() -> list[Step]:
    """All of them, for tests that must not miss a new one."""
    return [step for kind in Step.__subclasses__() for step in kind]


def passed(step: Step, home: Path) -> None:
    """Called right after the step. Does nothing unless a fault test asked for a crash here."""
    if os.environ.get("LT_CRASH_AT") != step.value:
        return
    try:
        marker = os.open(home / f"crashed-{step.value}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(marker, str(os.getpid()).encode())  # so that a test can tell the dead one from the next
        os.close(marker)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
