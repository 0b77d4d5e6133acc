"""`python -m lt_agent.trainers <attempt>/worker.json`: trains; exit code 0 (done or stopped) or 1 (failure.json).

With `--once` in this process; without it in one or several of its own, which are started again where that may help.
"""

from __future__ import annotations

import os
import sys


def _forget_working_folder() -> None:
    """Takes the working folder off the import path.

    It holds the person's own files; a `datasets.py` among them would be imported in place of the library.
    """
    here = os.getcwd()
    sys.path[:] = [entry for entry in sys.path if entry and os.path.abspath(entry) != here]


def main() -> int:
    """Runs the worker file named on the command line."""
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--once"]):
        print("usage: python -m lt_agent.trainers WORKER.JSON [--once]", file=sys.stderr)  # noqa: T201
        return 2
    _forget_working_folder()
    if not sys.argv[2:]:
        from .launch import launch

        return launch(sys.argv[1])
    from .worker import run

    return run(sys.argv[1])


if __name__ == "__main__":
    sys.exit(main())
