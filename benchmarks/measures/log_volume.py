"""1,000,000 log lines (100 MB) into SQLite, and what the controller needs for it.

The job is `cat` of a file that lies on the host, timed from the worker's start until the last byte and its cursor are
in the database. The floor is `ssh host cat` of that file into a file here. Memory is the peak (VmHWM) of a controller
that was started for this.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from benchmarks.harness import Bench, Row, median, spread, timed, until

LINES = 1_000_000
GOAL_TIMES = 2.0
GOAL_MEMORY = 150


def measure(bench: Bench) -> list[Row]:
    """Two rows: time and memory."""
    source = bench.sshd.home / "million.log"
    with source.open("w") as file:
        for start in range(0, LINES, 10_000):
            file.write("".join(f"{n:010d} {'loss 0.123 ' * 8:88s}\n" for n in range(start, start + 10_000)))
    size = source.stat().st_size
    floors, results, peaks = [], [], []
    for _ in range(bench.runs):
        target = bench.folder / "copy.log"
        with target.open("wb") as out:
            floors.append(timed([*bench.ssh, "cat million.log"], stdout=out))
        assert target.stat().st_size == size
        target.unlink()
        bench.lt("controller", "stop")
        bench.lt("wait", bench.run("true"))
        took, peak = _once(bench, source, size)
        results.append(took)
        peaks.append(peak)
    source.unlink()
    ratio = median(results) / median(floors)
    return [
        Row(
            "1,000,000 log lines (100 MB) into SQLite",
            f"{spread(floors)} s",
            f"{spread(results)} s = {ratio:.2f} ×",
            f"≤ {GOAL_TIMES:g} ×",
            ratio <= GOAL_TIMES,
        ),
        Row(
            "the controller's peak memory meanwhile",
            "0",
            f"{max(peaks):.0f} MB",
            f"≤ {GOAL_MEMORY} MB",
            max(peaks) <= GOAL_MEMORY,
        ),
    ]


def _once(bench: Bench, source: Path, size: int) -> tuple[float, float]:
    stamp = bench.folder / "started"
    name = bench.run("sh", "-c", f"date +%s.%N > {stamp}; exec cat '{source}'")
    until(lambda: bench.job(name), 30)
    job = bench.job(name)["id"]

    def home() -> bool:
        rows = bench.query("SELECT log_cursor FROM attempts WHERE job_id=?", job)
        return bool(rows) and int(rows[0][0]) >= size

    until(home, 300, every=0.02)
    took = time.time() - float(stamp.read_text())
    status = Path(f"/proc/{bench.controller().pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    bench.lt("wait", name)
    return took, int(found[1]) / 1000
