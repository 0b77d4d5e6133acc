"""`python -m benchmarks.pictures FOLDER`: the docs' pictures of the terminal UI, a sample fleet at a fixed moment."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.sample_fleet import SampleFleet
from benchmarks.sample_groups import add_groups

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=timezone.utc)


def main() -> None:
    """Takes them all: the same screens give the same files, wherever and whenever this runs."""
    from lt_controller.client import clock
    from lt_tui import screenshots

    target = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HOME": folder, "TZ": "UTC", "LT_LANG": "en"}
        os.chdir(folder)
        time.tzset()
        clock.now = lambda: NOW
        fleet = SampleFleet(Path(folder) / "lt", now=NOW)
        add_groups(fleet)

        def told(page: Any) -> None:
            if hasattr(page, "held"):
                page.held = fleet.holdings()

        screenshots.take_all(fleet.home.path, target, (120, 34), told)
        fleet.close()
        os.chdir(target)


if __name__ == "__main__":
    main()
