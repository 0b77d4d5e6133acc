"""What 1,000 waiting jobs cost a host, and how long a slot stands empty between two jobs.

The agent by itself, without a laptop: the dispatcher's processor time while nothing changes, then twenty jobs that go
before the thousand, each noting when it began and ended.
"""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks.harness import Bench, Row, median, until
from lt_agent import leases, procs, tickets
from lt_agent.protocol.paths import AttemptPaths, HostRoot, LeaseDir
from lt_agent.protocol.records import JobSpec
from lt_agent.protocol.ulid import new_ulid
from lt_agent.start import start

WAITING = 1000
PASSING = 20
SECONDS = 20.0
GOAL_SHARE = 1.0  # percent of a core
GOAL_GAP = 0.3  # seconds
_MAIN = "import sys\nfrom lt_agent.cli import main\nsys.exit(main(sys.argv[1:]))\n"


def measure(bench: Bench) -> list[Row]:
    """Two rows."""
    host = _Host(bench.folder / "queue")
    try:
        blocker = host.start("sleep", "600")
        until(blocker.supervisor.exists, 30)
        for _ in range(WAITING):
            host.start("true")
        dispatcher = psutil.Process(int(host.lease.lock.read_text().strip()))
        time.sleep(5)  # until the last ticket has been taken in
        before = dispatcher.cpu_times()
        time.sleep(SECONDS)
        after = dispatcher.cpu_times()
        share = 100 * (after.user + after.system - before.user - before.system) / SECONDS
        memory = dispatcher.memory_info().rss
        # The clock's own program, so that no interpreter's start is counted as the queue's.
        passing = [host.start("sh", "-c", "date +%s.%N; date +%s.%N", priority=50) for _ in range(PASSING)]
        procs.kill_all(lambda: procs.marked(blocker.job))
        until(lambda: all(attempt.exit.exists() for attempt in passing), 120)
        spans = sorted([float(word) for word in attempt.log.read_text().split()] for attempt in passing)
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(spans)]
    finally:
        host.close()
    gap = median(gaps)
    return [
        Row(
            f"{WAITING} jobs waiting on a host: the dispatcher",
            "–",
            f"{share:.2f} % of a core, {memory / 2**20:.0f} MB",
            f"≤ {GOAL_SHARE:g} %",
            share <= GOAL_SHARE,
            "supervisors there are none",
        ),
        Row(
            "between a job's end and the next one's start, 1,000 behind them",
            "–",
            f"{gap * 1000:.0f} ms ({min(gaps) * 1000:.0f}–{max(gaps) * 1000:.0f})",
            f"≤ {GOAL_GAP * 1000:.0f} ms",
            gap <= GOAL_GAP,
            "one slot; by the jobs' own clocks",
        ),
    ]


class _Host:
    """A root and a lease folder with one slot, and an agent made of links to this checkout."""

    def __init__(self, folder: Path) -> None:
        self.root = HostRoot(folder / "root")
        self.lease = LeaseDir(folder / "lease")
        self._bundle = folder / "agent"
        self._bundle.mkdir(parents=True)
        (self._bundle / "__main__.py").write_text(_MAIN)
        (self._bundle / "lt_agent").symlink_to(Path(leases.__file__).parent)
        self._jobs: list[str] = []
        leases.write_slots(self.lease, 1, [])

    def start(self, *argv: str, priority: int = 0) -> AttemptPaths:
        """Starts a command's job."""
        spec = JobSpec(new_ulid(), 1, "a", "bench", "command", argv=argv, disk_floor=0, priority=priority)
        start(self.root, self.lease, spec, self._bundle)
        self._jobs.append(spec.job)
        return self.root.attempt(spec.job, 1)

    def close(self) -> None:
        """Takes all out of the queue; the dispatcher goes by itself."""
        for name in tickets.names(self.lease):
            tickets.remove(self.lease, name)
        for job in [name for name in self._jobs if not os.path.exists(self.root.attempt(name, 1).exit)]:
            procs.kill_all(lambda job=job: procs.marked(job))  # type: ignore[misc]
