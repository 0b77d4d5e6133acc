"""Submit on a warm host, until the worker process starts.

Timed from before `lt run` is started (so Python's own start is in it) to the first thing the worker does, noting the
time. The working folder was sent before and has not changed, as in the floor: two `ssh host true` and
one `rsync` that finds nothing to do, one after another over a warm ControlMaster.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.harness import HOST, LT, Bench, Row, median, spread, timed

GOAL = 2.0


def measure(bench: Bench) -> list[Row]:
    """One row."""
    for n in range(20):
        (bench.work / f"module_{n}.py").write_text(f"x = {n}\n" * 50)
    bench.lt("wait", _stamp(bench)[0])
    there = bench.sshd.home / "floor"
    rsync = bench.rsync("-a", f"{bench.work}/", f"{HOST}:floor/")
    timed(rsync)
    assert there.is_dir()

    floors, results = [], []
    for _ in range(bench.runs * 3):
        floors.append(sum(timed(words) for words in ([*bench.ssh, "true"], [*bench.ssh, "true"], rsync)))
        began = time.time()
        name, stamp = _stamp(bench)
        bench.lt("wait", name)
        results.append(float(stamp.read_text()) - began)
        stamp.unlink()
    alone = [timed([LT, "--version"]) for _ in range(5)]
    ratio = median(results) / median(floors)
    return [
        Row(
            "submit on a warm host, until the worker starts",
            f"{spread(floors, 1000, 0)} ms",
            f"{spread(results, 1000, 0)} ms = {ratio:.2f} ×",
            f"≤ {GOAL:g} ×",
            ratio <= GOAL,
            f"of it {median(alone) * 1000:.0f} ms are the start of `lt` itself (`lt --version`)",
        )
    ]


def _stamp(bench: Bench) -> tuple[str, Path]:
    """Runs a job whose first act is to note the time; the job's name and the file that will hold it."""
    path = bench.folder / f"stamp-{time.time_ns()}"
    return bench.run("sh", "-c", f"date +%s.%N > {path}"), path
