"""`python -m lt_tui`: the same as `lt` alone."""

from __future__ import annotations

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
