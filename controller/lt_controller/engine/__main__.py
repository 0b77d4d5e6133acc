"""`python -m lt_controller.engine --home DIR`: the controller as a process, as `lt controller start` launches it."""

from __future__ import annotations

import argparse
import os
import sys

from ..home import Home
from .controller import LINGER, run


def main() -> int:
    """Runs until there is nothing to do; see `lt controller --help` for the person's commands."""
    parser = argparse.ArgumentParser(prog="lt-controller")
    parser.add_argument("--home", required=True)
    parser.add_argument("--linger", type=float, default=float(os.environ.get("LT_LINGER", LINGER)))
    options = parser.parse_args()
    return run(Home(options.home), options.linger)


if __name__ == "__main__":
    sys.exit(main())
