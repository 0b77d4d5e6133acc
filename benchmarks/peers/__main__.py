"""`python -m benchmarks.peers PYTHON [--jobs N] [--runs N]`: AiiDA, in the environment of PYTHON, and lt on one host.

Writes `benchmarks/peers.md`. `make bench-peers` makes that environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.harness import HOST, Bench, bench, median, spread
from benchmarks.report import machine

RESULTS = Path(__file__).parents[1] / "peers.md"
COMPUTER = "bench"
OURS = """\
import json, sys, time
from pathlib import Path
from lt_controller.client import Client
host, jobs, runs, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
with Client() as client:
    starts = []
    for _ in range(runs):
        stamp = folder / f"stamp-{time.time_ns()}"
        began = time.time()
        job = client.run(host, ["sh", "-c", f"date +%s.%N > {stamp}"])
        client.wait(job.id)
        starts.append(float(stamp.read_text()) - began)
    began = time.time()
    names = [client.run(host, ["bash", "-c", "echo $((1+2))"]).id for _ in range(jobs)]
    ended = [client.wait(name) for name in names]
    took = time.time() - began
print(json.dumps({"starts": starts, "jobs": took, "failed": sum(job.state != "succeeded" for job in ended)}))
"""


def main() -> int:
    """Measures both, one after the other, and writes the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("python", type=Path, help="of the environment that has AiiDA")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with bench(options.runs) as made:
        peer = Peer(made, options.python.absolute())
        peer.set_up()
        try:
            theirs = peer.measure(options.jobs, options.runs)
        finally:
            peer.verdi("daemon", "stop")
        what = [HOST, str(options.jobs), str(options.runs), str(made.folder)]
        ours = _json([sys.executable, "-c", OURS, *what], made.environment, made.work)
        text = _markdown(peer.version(), theirs, ours, options.jobs)
    RESULTS.write_text(text)
    sys.stdout.write(text)
    return 0


class Peer:
    """AiiDA with a profile, a home and an SSH configuration of its own."""

    def __init__(self, made: Bench, python: Path) -> None:
        self._bench = made
        self._python = python
        self._home = made.folder / "peer"
        (self._home / ".ssh").mkdir(parents=True, mode=0o700)
        (self._home / ".ssh" / "config").write_text(
            f"Host {COMPUTER}\n  HostName {made.sshd.address}\n  Port {made.sshd.port}\n  User {made.sshd.user}\n"
            f"  IdentityFile {made.sshd.client_key}\n  UserKnownHostsFile {made.home.known_hosts}\n"
        )
        (self._home / ".ssh" / "known_hosts").write_text(made.sshd.host_key_line)
        path = f"{python.parent}:{os.environ.get('PATH', '')}"
        self._env = {**os.environ, "HOME": str(self._home), "AIIDA_PATH": str(self._home), "PATH": path}
        self._env.pop("PYTHONPATH", None)

    def set_up(self) -> None:
        """Profile, computer over `core.ssh_async` with `core.direct`, a safe interval of 0, the daemon."""
        self.verdi("presto")
        self.verdi("config", "set", "daemon.timeout", "120")  # two seconds are too few on a busy machine
        self.verdi(
            *("computer", "setup", "-n", "-L", COMPUTER, "-H", COMPUTER, "-T", "core.ssh_async", "-S", "core.direct"),
            *("-w", str(self._home / "work"), "--mpiprocs-per-machine", "1", "-m", ""),
        )
        self.verdi(
            "computer",
            "configure",
            "core.ssh_async",
            "-n",
            COMPUTER,
            "--host",
            COMPUTER,
            "--safe-interval",
            "0",
        )
        self.verdi("daemon", "start", "1")

    def measure(self, jobs: int, runs: int) -> dict[str, Any]:
        """What `aiida_side.py` prints."""
        script = Path(__file__).with_name("aiida_side.py")
        what = [COMPUTER, str(jobs), str(runs), str(self._bench.folder)]
        return _json([str(self._python), str(script), *what], self._env, self._home)

    def verdi(self, *words: str) -> None:
        """Runs `verdi WORDS`. Raises RuntimeError with what it said."""
        verdi = self._python.with_name("verdi")
        done = subprocess.run(
            [str(verdi), *words], env=self._env, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"verdi {' '.join(words)}: {done.stdout}{done.stderr}")

    def version(self) -> str:
        """AiiDA's."""
        code = "from importlib.metadata import version; print(version('aiida-core'))"
        return subprocess.run(
            [str(self._python), "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()


def _json(argv: Sequence[str], env: dict[str, str], folder: Path) -> dict[str, Any]:
    done = subprocess.run(list(argv), env=env, cwd=folder, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-4000:])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _markdown(version: str, theirs: dict[str, Any], ours: dict[str, Any], jobs: int) -> str:
    begun = [median(side["starts"]) for side in (theirs, ours)]
    starts = [f"{spread(side['starts'])} s" for side in (theirs, ours)]
    took = [f"{side['jobs']:.1f} s" for side in (theirs, ours)]
    rows = [
        ("submit on a warm host, until the job's first act", *starts, f"{begun[0] / begun[1]:.1f} ×"),
        (
            f"{jobs} jobs, submitted one after another, until all have ended",
            *took,
            f"{theirs['jobs'] / ours['jobs']:.1f} ×",
        ),
        ("of them failed", *(str(side["failed"]) for side in (theirs, ours)), ""),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    where = "\n".join(f"- {line}" for line in machine())
    return TEXT.format(version=version, table=table, where=where, when=datetime.now(timezone.utc))


TEXT = """\
# Beside a public peer

Written by `make bench-peers` on {when:%Y-%m-%d %H:%M} UTC: both in one run, one after the other, on one machine over
the same private sshd on loopback; medians (lowest–highest).

{where}
- AiiDA {version}: `verdi presto` (SQLite, its ZeroMQ broker), one daemon worker, `core.ssh_async`, `core.direct`, safe
  interval 0, job poll interval 1 s, `core.arithmetic.add` by bash. lt: one slot, a command by bash. Each is timed from
  the call in a Python process that has imported its client already.

| | AiiDA {version} | lt | AiiDA's time beside lt's |
|---|---|---|---|
{table}

They did not run at the same moment: where the load above is far over the number of cores, other work slowed each of
them by an amount of its own, and only the order of magnitude of a ratio counts.

AiiDA records the provenance of every input and output in a graph and retrieves the files of every job; lt does neither.
The comparison is of the way to a host and back, not of what the two are for.
"""


if __name__ == "__main__":
    sys.exit(main())
