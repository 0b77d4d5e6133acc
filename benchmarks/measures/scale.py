"""What many hosts, many jobs and a long line cost.

The hosts are of one machine: one sshd, a root and a lease folder for each. Their agents run here as well, and so does
everything else that this machine does; where only the controller is meant, only its process is looked at.

- connected: a sleeping job on each host, so that samples flow; the controller's CPU over 30 s, its memory after it.
- coming back: `lt controller start` until all bridges answer, while no more than 16 are being connected at once.
- five jobs of `true` on each: submitted by one process, until all outcomes are recorded. The floor: `ssh host true` as
  often, over warm ControlMasters, 16 at a time.
- log latency: from a line's printing to its being readable in the database, looked at every 10 ms, while all print.
- submit over a line of 100 ms: its time less that on loopback, in round trips.
- `lt ps` with 10,000 ended jobs beside 100.
- a checkpoint of 256 MiB over 100 ms and 1 Gbit/s, pulled and verified, beside `rsync -a` of the same files.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks.harness import HOST, LT, Bench, Row, median, percentile, spread, timed, until
from benchmarks.many_hosts import ManyHosts, many_hosts
from benchmarks.sample_fleet import SampleFleet
from lt_inventory.hosts_file import HostsFile

HOSTS = int(os.environ.get("HOSTS", "200"))  # a machine of few cores, with other work, has room for fewer
JOBS, AT_A_TIME = 5, 16
TALKERS, LINES_A_SECOND, SECONDS = 50, 100, 30
WATCH = 30.0  # seconds
SETTLE = 15.0  # seconds until what came before is over: dispatchers without work have left
LATENCY, RATE = 0.05, 125e6  # each way in seconds; bytes a second
MIB = 256
_IDS = "SELECT id FROM jobs WHERE name IN ({})"
TALKER = f"""\
import time
end = time.time() + {SECONDS}
while time.time() < end:
    print(repr(time.time()), flush=True)
    time.sleep({1 / LINES_A_SECOND})
"""


def measure(bench: Bench) -> list[Row]:
    """A row for each."""
    rows = [*_ps(bench), *_far(bench)]
    with many_hosts(bench, HOSTS) as fleet:
        rows += _true_jobs(fleet)
        rows += _log_latency(fleet)
        rows += _connected(fleet)
    return rows


def _connected(fleet: ManyHosts) -> list[Row]:
    fleet.run_all(["sleep", "3600"])
    until(lambda: fleet.count("running") == HOSTS, 600, every=0.5)
    until(lambda: fleet.connected() == HOSTS, 300, every=0.5)
    time.sleep(SETTLE)
    process = fleet.controller()
    before, began = sum(process.cpu_times()[:2]), time.perf_counter()
    time.sleep(WATCH)
    share = (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began) * 100
    memory, threads = process.memory_info().rss / 2**20, process.num_threads()
    fleet.lt("controller", "stop")
    began = time.perf_counter()
    fleet.lt("controller", "start")
    most = 0

    def back() -> bool:
        nonlocal most
        hosts = fleet.status()["hosts"]
        most = max(most, sum(host["doing"] == "connecting" and not host["connected"] for host in hosts))
        return sum(bool(host["connected"]) for host in hosts) == HOSTS

    until(back, 300, every=0.1)
    took = time.perf_counter() - began
    fleet.stop_jobs()
    what = f"{HOSTS} hosts connected, a sleeping job on each"
    return [
        Row(f"{what}: the controller's CPU", "0", f"{share:.1f} % of a core", "≤ 12 %", share <= 12),
        Row(f"{what}: its memory", "0", f"{memory:.0f} MB", "≤ 400 MB", memory <= 400, f"{threads} threads"),
        Row(f"coming back to {HOSTS} hosts after a restart, {AT_A_TIME} at a time", "", f"{took:.1f} s", "", None),
    ]


def _true_jobs(fleet: ManyHosts) -> list[Row]:
    config = fleet.ssh_config()

    def ssh(host: str) -> float:
        return timed(["ssh", "-F", str(config), host, "true"])

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(ssh, fleet.names))  # the masters
        began = time.perf_counter()
        list(pool.map(ssh, fleet.names * JOBS))
    floor = time.perf_counter() - began
    fleet.run_all(["true"])  # connected, as the masters are
    until(lambda: fleet.count("succeeded") == HOSTS, 600, every=0.2)
    began = time.perf_counter()
    fleet.run_all(["true"], JOBS)
    until(lambda: fleet.count("succeeded") == HOSTS * (JOBS + 1), 900, every=0.1)
    took = time.perf_counter() - began
    return [
        Row(
            f"{HOSTS} hosts × {JOBS} jobs of `true`, until all are recorded",
            f"{floor:.1f} s",
            f"{took:.1f} s = {took / floor:.2f} ×",
            "≤ 3 ×",
            took <= 3 * floor,
            "all hosts on this machine: its supervisors and bridges share the cores with the controller",
        )
    ]


def _log_latency(fleet: ManyHosts) -> list[Row]:
    (fleet.work / "talker.py").write_text(TALKER)
    time.sleep(SETTLE)
    talkers = min(TALKERS, HOSTS)
    names = fleet.run_all(["python3", "talker.py"], hosts=fleet.names[:talkers])
    marks = ",".join("?" * len(names))
    known = until(lambda: found if len(found := fleet.query(_IDS.format(marks), *names)) == len(names) else None, 300)
    seen = _Lines(fleet, [row[0] for row in known])
    until(seen.look, 300, every=0.01)
    delays = seen.while_all_print()
    p50, p99 = (percentile(delays, percent) * 1000 for percent in (50, 99))
    return [
        Row(
            f"a log line of {talkers} hosts that print {LINES_A_SECOND} a second each: p99",
            "",
            f"{p99:.0f} ms (p50 {p50:.0f})",
            "≤ 500 ms",
            p99 <= 500,
            f"{len(delays)} lines, printed while all of the hosts print",
        )
    ]


class _Lines:
    """What jobs print, read from the database as it comes: when each line was printed, and when it could be read."""

    def __init__(self, fleet: ManyHosts, jobs: list[str]) -> None:
        self._db = sqlite3.connect(f"file:{fleet.home.database}?mode=ro", uri=True, timeout=30)
        self._jobs = jobs
        self._end = dict.fromkeys(jobs, 0)  # of what was read, in bytes
        self._chunk = dict.fromkeys(jobs, 0)  # where the row begins that was read last: it still grows
        self._tail = dict.fromkeys(jobs, b"")
        self._found: dict[str, list[tuple[float, float]]] = {job: [] for job in jobs}

    def look(self) -> bool:
        """Takes what is new; whether that was the last of it."""
        marks = ",".join("?" * len(self._jobs))
        asked = f"SELECT job_id, log_cursor, exit IS NOT NULL FROM attempts WHERE job_id IN ({marks})"
        rows = self._db.execute(asked, self._jobs).fetchall()
        for job, cursor, _ in rows:
            if cursor > self._end[job]:
                self._take(job)
        return len(rows) == len(self._jobs) and all(row[2] for row in rows)

    def _take(self, job: str) -> None:
        rows = self._db.execute(
            "SELECT offset, data FROM logs WHERE job_id=? AND attempt=1 AND offset>=? ORDER BY offset",
            (job, self._chunk[job]),
        ).fetchall()
        now = time.time()
        for offset, data in rows:
            self._chunk[job] = offset
            *lines, self._tail[job] = (self._tail[job] + data[self._end[job] - offset :]).split(b"\n")
            self._end[job] = offset + len(data)
            self._found[job] += [(float(line), now) for line in lines]

    def while_all_print(self) -> list[float]:
        """Seconds from printing to reading, of the lines from the last job's first one to the first job's last one."""
        self._db.close()
        begin = max(lines[0][0] for lines in self._found.values())
        end = min(lines[-1][0] for lines in self._found.values())
        return [read - line for lines in self._found.values() for line, read in lines if begin <= line <= end]


def _ps(bench: Bench) -> list[Row]:
    took: dict[int, list[float]] = {}
    for count in (100, 10_000):
        fleet = SampleFleet(bench.folder / f"fleet-{count}", hosts=4, jobs=count)
        fleet.db.execute("UPDATE jobs SET state='succeeded', pull_state='none'")
        fleet.db.execute("UPDATE attempts SET exit='{}', kept=1 WHERE exit IS NULL")
        fleet.db.close()
        env = {**bench.environment, "LT_HOME": str(fleet.home.path)}
        took[count] = [timed([LT, "ps"], env=env) for _ in range(max(5, bench.runs))]
        subprocess.run([LT, "controller", "stop"], env=env, capture_output=True, check=False)
    ratio = median(took[10_000]) / median(took[100])
    return [
        Row(
            "`lt ps` with 10,000 ended jobs, beside 100",
            f"{spread(took[100], 1000, 0)} ms",
            f"{spread(took[10_000], 1000, 0)} ms = {ratio:.2f} ×",
            "≤ 2 ×",
            ratio <= 2,
        )
    ]


def _far(bench: Bench) -> list[Row]:
    """The bench's host once more, at the end of a long line."""
    inventory = HostsFile(bench.home.hosts_file)
    near = inventory.load()[HOST]
    lines = {name: _line(bench.sshd.port, rate) for name, rate in (("slow", None), ("wide", RATE))}
    try:
        for name, (_, port) in lines.items():
            inventory.add(replace(near, name=name, port=port))
            with bench.home.known_hosts.open("a") as file:
                file.write(bench.sshd.host_key_line.replace(f":{bench.sshd.port} ", f":{port} ", 1))
        return [*_round_trips(bench), *_far_pull(bench, lines["wide"][1])]
    finally:
        bench.lt("controller", "stop")
        for name, (process, _) in lines.items():
            inventory.remove(name)
            process.kill()
            process.wait()


def _line(port: int, rate: float | None) -> tuple[subprocess.Popen[str], int]:
    """A relay with latency in a process of its own, so that what measures does not slow it down; its port."""
    program = "import sys; from support.relay import Relay\nprint(Relay({}, latency={}, rate={}).port, flush=True)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "tests")}
    process = subprocess.Popen(
        [sys.executable, "-c", program.format(port, LATENCY, rate) + "\nsys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _round_trips(bench: Bench) -> list[Row]:
    def submit(host: str) -> float:
        path = bench.folder / f"stamp-{time.time_ns()}"
        began = time.time()
        bench.lt("run", host, "--", "sh", "-c", f"date +%s.%N > {path}")
        until(lambda: path.exists() and path.read_text().endswith("\n"), 60)
        return float(path.read_text()) - began

    took: dict[str, float] = {}
    for host in (HOST, "slow"):
        submit(host)  # connected, and the folder is there
        took[host] = median([submit(host) for _ in range(max(5, bench.runs))])
    trips = (took["slow"] - took[HOST]) / (2 * LATENCY)
    return [
        Row(
            "submit over a line of 100 ms on a warm host, until the worker starts",
            f"{took[HOST] * 1000:.0f} ms",
            f"{took['slow'] * 1000:.0f} ms = {trips:.1f} round trips",
            "≤ 6",
            trips <= 6,
            "the floor is the same submit on loopback",
        )
    ]


def _far_pull(bench: Bench, port: int) -> list[Row]:
    script = f"mkdir new; for n in 1 2 3 4; do head -c {MIB << 18} /dev/urandom > new/part-$n.bin; done; mv new out"
    known = f"-o UserKnownHostsFile={bench.home.known_hosts} -o BatchMode=yes"
    ssh = f"ssh -F none -p {port} -i {bench.sshd.client_key} {known}"
    pulls, floors = [], []
    for _ in range(bench.runs):  # one after the other, so that both meet the same machine
        name = _named(bench, "wide", script)
        pulls.append(_until_pulled(bench, name))
        source = next(bench.attempt_folder(name).rglob("part-1.bin")).parent
        link = bench.sshd.home / "far"
        link.symlink_to(source)
        target = bench.folder / "far copy"
        floors.append(timed(["rsync", "-a", "-e", ssh, f"{bench.sshd.user}@{bench.sshd.address}:far/", f"{target}/"]))
        shutil.rmtree(target)
        link.unlink()
        bench.lt("wait", name, "--pulled")
        bench.lt("rm", name)
    ratio = median(floors) / median(pulls)
    return [
        Row(
            f"pull of {MIB} MiB over 100 ms and 1 Gbit/s, verified, against `rsync -a`",
            f"{MIB / median(floors):.1f} MiB/s",
            f"{MIB / median(pulls):.1f} MiB/s = {ratio:.2f} ×",
            "≥ 0.95 ×",
            ratio >= 0.95,
            "four files, so four connections; rsync's is made anew, as it is by a person",
        )
    ]


def _until_pulled(bench: Bench, name: str) -> float:
    """Seconds from the checkpoint's appearance in the database until it is recorded as pulled."""

    def state() -> str:
        rows = bench.query(
            "SELECT pull_state FROM checkpoints WHERE job_id=(SELECT id FROM jobs WHERE name=?) AND size>=?",
            name,
            MIB << 20,
        )
        return str(rows[0][0]) if rows else ""

    until(state, 300, every=0.05)
    began = time.perf_counter()
    until(lambda: state() == "pulled", 600, every=0.05)
    return time.perf_counter() - began


def _named(bench: Bench, host: str, script: str) -> str:
    import json

    told = bench.lt("run", host, "--pull", "out/**", "--json", "--", "sh", "-c", script).stdout
    return str(json.loads(told)["name"])
