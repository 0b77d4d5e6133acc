"""100 jobs of `true` on one host, submitted at once, until every outcome is recorded.

Submitted through the Python client in one process, as a sweep is. The floor: 100 `ssh host true` over a ControlMaster,
one after another.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.harness import HOST, Bench, Row, median, spread, timed, until

JOBS = 100
GOAL = 2.0
SUBMITTER = """\
import sys
from lt_controller.client import Client
client = Client()
for _ in range(int(sys.argv[2])):
    client.run(sys.argv[1], ["true"])
"""


def measure(bench: Bench) -> list[Row]:
    """One row."""
    floors, results = [], []
    for _ in range(bench.runs):
        floors.append(sum(timed([*bench.ssh, "true"]) for _ in range(JOBS)))
        before = _ended(bench)
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", SUBMITTER, HOST, str(JOBS)], check=True, env=bench.environment, cwd=bench.work
        )
        until(lambda b=before: _ended(bench) >= b + JOBS, 300, every=0.05)
        results.append(time.perf_counter() - began)
    ratio = median(results) / median(floors)
    return [
        Row(
            f"{JOBS} jobs of `true`, submitted at once, until all are recorded",
            f"{spread(floors)} s",
            f"{spread(results)} s = {ratio:.2f} ×",
            f"≤ {GOAL:g} ×",
            ratio <= GOAL,
            "one slot; Python's start and import of the client included",
        )
    ]


def _ended(bench: Bench) -> int:
    return int(bench.query("SELECT count(*) FROM jobs WHERE state='succeeded'")[0][0])
