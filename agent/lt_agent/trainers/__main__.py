"""`python -m lt_agent.trainers <attempt>/worker.json`: trains; exit code 0 (done or stopped) or 1 (failure.json).

With `--once` in this process, with `--prepare` only as far as the data is prepared; without either in one or several
processes of its own, which are started again where that may help.
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
    if sys.argv[2:] not in ([], ["--once"], ["--prepare"]) or len(sys.argv) < 2:
        print("usage: python -m lt_agent.trainers WORKER.JSON [--once | --prepare]", file=sys.stderr)  # noqa: T201
        return 2
    _forget_working_folder()
    if not sys.argv[2:]:
        from .launch import launch

        return launch(sys.argv[1])
    from .worker import run

    return run(sys.argv[1], prepare_only=sys.argv[2] == "--prepare")


if __name__ == "__main__":
    sys.exit(main())
