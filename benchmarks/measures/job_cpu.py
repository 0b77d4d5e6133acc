"""What a job of `true` costs in CPU, by who pays it, and how often each wakes while nothing happens.

100 jobs, submitted at once as in `many_jobs`, on one warm host with one slot. The host's part is that of its dispatcher
with all that ended under it: supervisors and workers. The floor: CPU of the `ssh` of `ssh host true` over a
ControlMaster, without that of the other end. Wakes are voluntary context switches of all threads, over 10 s without
work. CPU time is what a machine with other work changes least.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.harness import HOST, Bench, Row, until
from benchmarks.measures.many_jobs import JOBS, SUBMITTER

QUIET = 10.0  # seconds


def measure(bench: Bench) -> list[Row]:
    """A row for the CPU of a job, one for that of a submit, one for the wakes."""
    bench.lt("wait", bench.run("true"))  # connected, and the dispatcher is there
    watched = {"host": _agent(bench, "dispatch"), "bridge": _agent(bench, "bridge"), "controller": bench.controller()}
    floor = _children_cpu(lambda: [subprocess.run([*bench.ssh, "true"], check=True) for _ in range(JOBS)])
    before = {name: _cpu(process) for name, process in watched.items()}
    ended = _ended(bench)
    command = [sys.executable, "-c", SUBMITTER, HOST]
    alone = _children_cpu(lambda: _submit(bench, [*command, "0"]))
    submits = _children_cpu(lambda: _submit(bench, [*command, str(JOBS)])) - alone
    until(lambda: _ended(bench) >= ended + JOBS, 300, every=0.05)
    time.sleep(1.0)  # the last supervisor ends after its outcome is recorded
    used = {name: (_cpu(process) - before[name]) / JOBS * 1000 for name, process in watched.items()}
    submit = submits / JOBS * 1000
    told = ", ".join(f"{name} {value:.1f}" for name, value in {**used, "submitter": submit}.items())
    ssh = f"{floor / JOBS * 1000:.1f} ms"
    bench.lt("wait", bench.run("true"))  # a dispatcher that is idle, not one that has left
    wakes = {name: _wakes(process) for name, process in watched.items()}
    began = time.monotonic()
    time.sleep(QUIET)
    over = time.monotonic() - began
    often = ", ".join(f"{name} {(_wakes(process) - wakes[name]) / over:.1f}" for name, process in watched.items())
    return [
        Row("a job of `true`: CPU of all", ssh, f"{sum(used.values()) + submit:.1f} ms ({told})", "", None),
        Row("a submit of the Python client: CPU", "", f"{submit:.1f} ms", "", None),
        Row("a connected host without work: wakes a second", "", often, "", None),
    ]


def _submit(bench: Bench, command: list[str]) -> None:
    subprocess.run(command, check=True, env=bench.environment, cwd=bench.work)


def _agent(bench: Bench, command: str) -> psutil.Process:
    """The agent's process of that command, on the bench's host."""
    folder = str(bench.folder)
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if command in words and "-S" in words and any(word.startswith(folder) for word in words):
            return process
    raise RuntimeError(f"no {command} runs")


def _cpu(process: psutil.Process) -> float:
    """Seconds, with those of all that it has waited for."""
    return float(sum(process.cpu_times()[:4]))


def _children_cpu(work: Callable[[], object]) -> float:
    """CPU seconds of the processes that `work` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _wakes(process: psutil.Process) -> int:
    count = 0
    for task in os.listdir(f"/proc/{process.pid}/task"):
        status = Path(f"/proc/{process.pid}/task/{task}/status").read_text()
        count += int(status.split("voluntary_ctxt_switches:")[1].split()[0])
    return count


def _ended(bench: Bench) -> int:
    return int(bench.query("SELECT count(*) FROM jobs WHERE state='succeeded'")[0][0])
