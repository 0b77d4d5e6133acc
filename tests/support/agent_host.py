"""A host in a temporary folder: root, lease folder and a runnable agent; real dispatchers, supervisors and workers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest
import watchdog

from lt_agent import dispatcher, judge, leases, locks, procs
from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import AttemptPaths, HostRoot, LeaseDir
from lt_agent.protocol.records import JobSpec
from lt_agent.protocol.ulid import new_ulid
from lt_agent.start import start
from support.wait import until

AGENT = Path(__file__).resolve().parents[2] / "agent"
_MAIN = """import os, sys
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "deps"))
from lt_agent.cli import main
sys.exit(main(sys.argv[1:]))
"""


class AgentHost:
    """What a controller would drive. `close` ends everything that any of its jobs left."""

    def __init__(
        self, folder: Path, slots: int = 2, gpus: tuple[str, ...] = (), deps: bool = True, lease: Path | None = None
    ) -> None:
        self.root = HostRoot(folder / "root")
        self.lease = LeaseDir(lease or folder / "lease")
        self.bundle = make_bundle(folder / "agents" / "one", deps)
        self.jobs: list[AttemptPaths] = []
        leases.write_slots(self.lease, slots, gpus)

    def start(self, *argv: str, bundle: Path | None = None, **fields: Any) -> AttemptPaths:
        """Starts a command job and returns its folder."""
        spec = self.spec(*argv, **fields)
        start(self.root, self.lease, spec, bundle or self.bundle)
        return self.root.attempt(spec.job, spec.attempt)

    def python(self, script: str, **fields: Any) -> AttemptPaths:
        """Starts a job that runs a Python script."""
        return self.start(sys.executable, "-c", script, **fields)

    def gated(self, gate: Path, *then: str, **fields: Any) -> AttemptPaths:
        """Starts a job that runs until the file `gate` is there, then the command `then`."""
        return self.start("sh", "-c", 'until [ -e "$0" ]; do sleep 0.02; done; "$@"', str(gate), *then, **fields)

    def start_here(self, *argv: str, bundle: Path | None = None, **fields: Any) -> AttemptPaths:
        """As `start`, by a dispatcher forked from this process: what a test has patched holds in it.

        Without a `bundle` of the job's own it holds in the supervisor as well, which is forked in its turn.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lt_agent.start.ensure_dispatcher", lambda *_: None)
            attempt = self.start(*argv, bundle=bundle or judge.bundle_folder(), **fields)
        pid = os.fork()
        if pid == 0:
            try:
                dispatcher.main({"root": str(self.root.path), "lease-dir": str(self.lease.path)})
            finally:
                os._exit(0)
        os.waitpid(pid, 0)  # it has daemonised
        return attempt

    def spec(self, *argv: str, **fields: Any) -> JobSpec:
        """A command's spec, with small numbers where real ones would be minutes."""
        values: dict[str, Any] = {"job": new_ulid(), "attempt": 1, "name": "a-job", "owner": "test", "kind": "command"}
        values.update(argv=argv, stop_grace=5.0, disk_floor=0)
        values.update(fields)
        spec = JobSpec(**values)
        self.jobs.append(self.root.attempt(spec.job, spec.attempt))
        return spec

    def close(self) -> None:
        """Ends every process of this host."""
        with contextlib.suppress(OSError, ValueError):
            for name in os.listdir(self.lease.tickets):
                os.unlink(self.lease.tickets / name)
        for attempt in self.jobs:
            if not attempt.exit.exists():
                procs.send(supervisor_pid(attempt) or 0, signal.SIGKILL)
            procs.kill_all(lambda attempt=attempt: procs.marked(attempt.job))
        pid = dispatcher_pid(self.lease)
        if pid is not None:
            procs.send(pid, signal.SIGKILL)


def make_bundle(folder: Path, deps: bool = True) -> Path:
    """A runnable agent made of links to this checkout and to the packages that travel with it."""
    (folder / "deps").mkdir(parents=True)
    (folder / "__main__.py").write_text(_MAIN)
    (folder / "lt_agent").symlink_to(AGENT / "lt_agent")
    for module in (psutil, watchdog) if deps else ():
        assert module.__file__ is not None
        (folder / "deps" / module.__name__).symlink_to(Path(module.__file__).parent)
    if deps:
        (folder / "deps" / "pynvml.py").symlink_to(Path(pynvml.__file__ or ""))
    return folder


def ended(attempt: AttemptPaths, timeout: float = 30.0) -> dict[str, Any]:
    """The exit record, as soon as it is there and its writer has gone: the last event comes after it."""
    found = until(lambda: read_json(attempt.exit), timeout, f"the end of {attempt.path}")
    until(lambda: not locks.is_locked(attempt.claim), timeout, "the claim's release")
    assert isinstance(found, dict)
    return found


def running(attempt: AttemptPaths, timeout: float = 30.0) -> int:
    """The worker's pid, as soon as it runs (or ran: a short job may have ended meanwhile)."""
    until(lambda: "running" in states(attempt), timeout, f"{attempt.path} runs")
    return int(next(e["params"]["pid"] for e in events(attempt) if e["params"].get("state") == "running"))


def log_has(attempt: AttemptPaths, text: str, timeout: float = 30.0) -> str:
    """The log, as soon as it holds `text`."""
    return until(lambda: text in log(attempt) and log(attempt), timeout, f"{text!r} in the log") or ""


def log(attempt: AttemptPaths) -> str:
    """The log so far."""
    return attempt.log.read_text() if attempt.log.exists() else ""


def events(attempt: AttemptPaths, code: str | None = None) -> list[dict[str, Any]]:
    """The attempt's events so far."""
    if not attempt.events.exists():
        return []
    found = [json.loads(line) for line in attempt.events.read_text().splitlines()]
    return [event for event in found if code is None or event["code"] == code]


def states(attempt: AttemptPaths) -> list[str]:
    """The states it went through."""
    return [event["params"]["state"] for event in events(attempt, "state")]


def supervisor_pid(attempt: AttemptPaths) -> int | None:
    """The supervisor's pid, if there is or was one."""
    value = read_json(attempt.supervisor)
    return value["pid"] if value else None


def dispatcher_pid(lease: LeaseDir) -> int | None:
    """The dispatcher of this lease folder, if one runs."""
    if not locks.is_locked(lease.lock):
        return None
    text = lease.lock.read_text().strip()
    return int(text) if text and not gone(int(text)) else None


def the_supervisor(attempt: AttemptPaths) -> int:
    """As `supervisor_pid`, where there must be one."""
    pid = supervisor_pid(attempt)
    assert pid is not None
    return pid


def the_dispatcher(lease: LeaseDir) -> int:
    """As `dispatcher_pid`, where there must be one."""
    pid = dispatcher_pid(lease)
    assert pid is not None
    return pid


def gone(pid: int) -> bool:
    """Whether the process is dead (a zombie is)."""
    stat = procs.read_stat(pid)
    return stat is None or stat.state in "ZX"


def pids_in(attempt: AttemptPaths) -> list[int]:
    """The numbers that a script printed as `pid N`."""
    return [int(line.split()[1]) for line in log(attempt).splitlines() if line.startswith("pid ")]
