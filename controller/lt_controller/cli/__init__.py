"""The command `lt`: thin. What it knows it has from `lt_controller.client`, what it says from `..wording`."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED = 130  # as a shell says it: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `lt` and returns its exit code; Ctrl-C while it is still being loaded is no fault, either."""
    try:
        from .root import main as run
    except KeyboardInterrupt:
        return _INTERRUPTED
    return run(argv)
