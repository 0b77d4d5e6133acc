"""What the controller has to say of itself, into `controller.log`. Never fails: the disk may be full of all things."""

from __future__ import annotations

import contextlib
import sys
import traceback


def note(text: str) -> None:
    """One line."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def fault() -> None:
    """The traceback of the exception that is being handled: a fault of ours, which must not stop the rest."""
    with contextlib.suppress(OSError, ValueError):
        traceback.print_exc()
