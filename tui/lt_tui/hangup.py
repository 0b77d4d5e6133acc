"""The terminal's end. The kernel tells of it by SIGHUP, but only those whose controlling terminal it was.

An app that was started in a session of its own (setsid, some containers, some IDEs) is not told: its input is then
forever "ready" and empty, and it would turn round at full speed with nobody there.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading


def watch() -> None:
    """From now on the end of the terminal at stdin is the end of this process, as SIGHUP would have it.

    Nothing is lost: what was asked for is in the database, and jobs have never hung on a screen.
    """
    try:
        descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    except (OSError, ValueError):
        return
    if descriptor >= 0 and os.isatty(descriptor):
        threading.Thread(target=_wait, args=(descriptor,), name="lt-hangup", daemon=True).start()


def _wait(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # no event is asked for: a hang-up is told always, and all else wakes nobody
    for _descriptor, event in poll.poll():
        if event & select.POLLHUP:
            os.kill(os.getpid(), signal.SIGHUP)
