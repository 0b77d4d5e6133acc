"""Attempts whose supervisor is gone without a word: ended here, on proof, and on their own machine only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import checkpoints, locks, procs, retries, start, tickets, wakeups
from .events import Events
from .machine import is_here, is_this_system, machine_id
from .outcome import write_outcome
from .protocol.errors import LtError
from .protocol.files import read_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.records import ExitRecord, ProcessId, from_dict
from .protocol.states import LOST
from .stopping import read_spec

_SURVIVOR_SECONDS = 10.0


def main(options: dict[str, str]) -> int:
    """The `judge` command: judges everything under `--root` and ends; it may hash for minutes."""
    judge_all(HostRoot(options["root"]), LeaseDir(options.get("lease-dir")), hash_here=True)
    return 0


def judge_all(
    root: HostRoot, lease: LeaseDir, agent_dir: Path | None = None, *, hash_here: bool = False
) -> list[tuple[str, int]]:
    """Looks at every attempt under `root` that has not ended; returns those judged lost.

    A waiting one whose ticket was lost is queued again, and a dispatcher is started if anything waits. To be called
    when a bridge or a dispatcher starts, and now and then. Takes seconds where survivors have to be killed. With
    checkpoints left unhashed it hands an attempt to a `judge` process of its own, unless `hash_here`.
    """
    agent_dir = agent_dir or bundle_folder()
    lost, deferred = [], False
    for attempt in root.attempts():
        try:
            verdict = _judge(attempt, lease, hash_here)
            if verdict == LOST:
                lost.append((attempt.job, attempt.attempt))
            deferred = deferred or verdict == "deferred"
            if verdict == "never began" and is_here(wakeups.read_place(attempt), lease, root.path):
                start.queue(root, lease, attempt, agent_dir)
            if retries.is_due(attempt) and is_here(wakeups.read_place(attempt), lease, root.path):
                retries.follow_up(root, lease, attempt, agent_dir)
        except (LtError, OSError, ValueError) as error:
            sys.stderr.write(f"judge: {attempt.path}: {error}\n")  # one broken folder must not hide the others
    if deferred:
        _spawn(root, lease, agent_dir)
    if tickets.names(lease):
        start.ensure_dispatcher(root, lease, agent_dir)
    return lost


def judge_one(root: HostRoot, lease: LeaseDir, attempt: AttemptPaths, agent_dir: Path) -> bool:
    """Judges one attempt, hashing included; whether it is lost. For the dispatcher, which saw its supervisor die."""
    is_lost = _judge(attempt, lease, True) == LOST
    if retries.is_due(attempt):
        retries.follow_up(root, lease, attempt, agent_dir)
    return is_lost


def why_lost(then: ProcessId, now: ProcessId) -> str:
    """The reason, from the dead supervisor's identity and one of a process that lives now on the same machine."""
    if then.boot_id != now.boot_id:
        return "host_rebooted"
    if then.init_start != now.init_start:
        return "container_restarted"
    return "supervisor_killed"


def bundle_folder() -> Path:
    """The folder of this agent, which `python3` can run."""
    return Path(os.path.abspath(__file__)).parents[1]


def _judge(attempt: AttemptPaths, lease: LeaseDir, hash_here: bool) -> str:
    """`lost` if it was judged so now, `never began`, `deferred` for the judge process, else what keeps us from it."""
    if attempt.exit.exists() or not attempt.spec.exists():
        return "ended" if attempt.exit.exists() else "unborn"
    try:
        value = read_json(attempt.supervisor)
    except ValueError:
        value = {}  # cut short, which only a crash of the machine can do
    if value is None:
        return "never began"
    who = _identity(value)
    recorded = {**wakeups.read_place(attempt), **(who.__dict__ if who is not None else {})}
    if not is_here(recorded, lease, attempt.path):
        return "elsewhere"
    if recorded.get("boot_id") == procs.boot_id() and not is_this_system(recorded) and locks.is_locked(attempt.alive):
        return "alive"  # in another container of this kernel, whose processes we do not see
    claim = locks.try_lock(attempt.claim)
    if claim is None:
        return "alive"
    try:
        # Looked at again with the claim in hand: it may have ended between our first look and now.
        if attempt.exit.exists():
            return "ended"
        me = procs.identity(os.getpid(), machine_id(lease))
        if who is not None and procs.is_alive(who):
            return "alive"
        reason = why_lost(who, me) if who is not None and me is not None else "host_rebooted"
        if reason == "supervisor_killed" and checkpoints.pending(attempt) and not hash_here:
            return "deferred"
        return _end(attempt, value, reason)
    finally:
        os.close(claim)


def _end(attempt: AttemptPaths, supervisor: dict[str, Any], reason: str) -> str:
    def find() -> list[int]:
        return procs.marked(attempt.job, attempt.attempt)

    killed, survivors = procs.kill_all(find, timeout=_SURVIVOR_SECONDS)
    if survivors:
        return "survivors"  # no proof yet: the next look tries again
    if reason == "supervisor_killed":
        # The machine never stopped, so what the worker declared finished is whole. After a reboot nobody can tell.
        _complete(attempt, Events(attempt).add)
    started = supervisor.get("started_at")
    record = ExitRecord(
        state=LOST,
        reason=reason,
        saved=checkpoints.newest(attempt),
        killed=("scan",) if killed else (),
        started_at=float(started) if isinstance(started, (int, float)) else None,
        finished_at=time.time(),
        judged=True,
    )
    # A full disk: the next look finds the attempt as it is now.
    return LOST if write_outcome(attempt, record, lambda: False) else "unwritten"


def _identity(value: Any) -> ProcessId | None:
    try:
        return from_dict(ProcessId, value)
    except LtError:
        return None


def _complete(attempt: AttemptPaths, on_event: Callable[..., None]) -> None:
    try:
        limit = read_spec(attempt).save_total_limit
    except (LtError, ValueError):
        limit = None
    checkpoints.complete_all(attempt, limit, on_event)


def _spawn(root: HostRoot, lease: LeaseDir, agent_dir: Path) -> None:
    command = [sys.executable, "-E", "-s", "-S", str(agent_dir), "judge"]
    process = subprocess.Popen(
        [*command, "--root", str(root.path), "--lease-dir", str(lease.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Reaped by nobody, it would stay a zombie as long as a bridge lives; two such processes at once do no harm.
    _spawned[:] = [*(child for child in _spawned if child.poll() is None), process]


_spawned: list[subprocess.Popen[bytes]] = []
