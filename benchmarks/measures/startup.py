"""`lt --help`, and `lt ps -a` with 1,000 jobs, beside `python -c pass`.

The jobs are written by the store's own functions, into an LT_HOME of their own with no controller running.
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.harness import LT, Bench, Row, median, spread, timed
from lt_agent.protocol.records import ExitRecord, JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller.home import Home
from lt_controller.store import jobs as store_jobs
from lt_controller.store.schema import open_writable

JOBS = 1000
GOAL_HELP = 8.0
GOAL_PS = 15.0


def measure(bench: Bench) -> list[Row]:
    """Two rows."""
    home = Home(bench.folder / "thousand").make()
    _fill(home)
    environment = {**bench.environment, "LT_HOME": str(home.path)}
    commands = {
        "floor": [sys.executable, "-c", "pass"],
        "help": [LT, "--help"],
        "ps": [LT, "ps", "-a"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(bench.runs * 4):
        for name, argv in commands.items():
            times[name].append(timed(argv, env=environment))
    lines = subprocess.run(commands["ps"], env=environment, capture_output=True, text=True, check=True).stdout
    assert lines.count("bench-job-") == JOBS, "lt ps -a shows every job"
    subprocess.run([LT, "controller", "stop"], env=environment, capture_output=True, check=False)
    floor = median(times["floor"])
    rows = []
    for name, title, goal in (("help", "`lt --help`", GOAL_HELP), ("ps", "`lt ps -a` with 1,000 jobs", GOAL_PS)):
        ratio = median(times[name]) / floor
        rows.append(
            Row(
                title,
                f"{spread(times['floor'], 1000, 0)} ms",
                f"{spread(times[name], 1000, 0)} ms = {ratio:.1f} ×",
                f"≤ {goal:g} ×",
                ratio <= goal,
            )
        )
    return rows


def _fill(home: Home) -> None:
    db = open_writable(home.database)
    db.execute("BEGIN IMMEDIATE")
    for n in range(JOBS):
        spec = JobSpec(
            new_ulid(), 1, f"bench-job-{n:04d}", home.owner(), "command", argv=("true",), created_at=time.time()
        )
        store_jobs.take_submit(db, new_ulid(), {"spec": to_dict(spec), "host": "local"})
        record = ExitRecord("succeeded", "exit_code", 0, finished_at=time.time())
        store_jobs.end_attempt(db, spec.job, 1, record, 0.0)
    db.execute("COMMIT")
    db.close()
