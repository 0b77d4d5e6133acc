"""A log line printed on the host, until `lt logs -f` prints it.

The script prints the time, flushed, at uneven moments about 50 ms apart; the reader notes when each line comes out of
the pipe. The floor is `ssh host tail -F` on the same kind of file, over the ControlMaster.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from benchmarks.harness import LT, Bench, Row, percentile

LINES = 300
GOAL_P50 = 0.030
GOAL_P99 = 0.100
TALKER = f"""\
import random, sys, time
time.sleep(3)  # let the reader settle
for _ in range({LINES}):
    print(repr(time.time()), flush=True)
    time.sleep(random.uniform(0.02, 0.08))
"""


def measure(bench: Bench) -> list[Row]:
    """Two rows: p50 and p99."""
    script = bench.work / "talker.py"
    script.write_text(TALKER)
    floor, ours = [], []
    for _ in range(2):
        floor += _floor(bench, script)
        ours += _ours(bench)
    script.unlink()
    rows = []
    for percent, goal in ((50, GOAL_P50), (99, GOAL_P99)):
        base, value = percentile(floor, percent), percentile(ours, percent)
        rows.append(
            Row(
                f"a log line, until `lt logs -f` prints it: p{percent}",
                f"{base * 1000:.1f} ms",
                f"{value * 1000:.1f} ms = +{(value - base) * 1000:.1f} ms",
                f"+{goal * 1000:.0f} ms",
                value - base <= goal,
                f"{len(ours)} lines",
            )
        )
    return rows


def _ours(bench: Bench) -> list[float]:
    name = bench.run("python3", "talker.py")
    follower = subprocess.Popen([LT, "logs", name, "-f"], stdout=subprocess.PIPE, env=bench.environment)
    delays = _delays(follower)
    follower.wait(30)
    return delays


def _floor(bench: Bench, script: Path) -> list[float]:
    log = bench.sshd.home / f"talk-{time.time_ns()}.log"
    with log.open("wb") as out:
        talker = subprocess.Popen(["python3", str(script)], stdout=out)
    tail = subprocess.Popen([*bench.ssh, f"tail -n +1 -F {log.name}"], stdout=subprocess.PIPE)
    delays = _delays(tail)
    tail.terminate()
    tail.wait()
    talker.wait()
    return delays


def _delays(process: subprocess.Popen[bytes]) -> list[float]:
    """Seconds between each line's printing and its arrival here."""
    assert process.stdout is not None
    delays = []
    for line in process.stdout:
        delays.append(time.time() - float(line))
        if len(delays) == LINES:
            break
    return delays
