"""Starting an attempt, as often as one likes: folder, spec, ticket, dispatcher. Each step is done if it was not yet."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import locks, owners, tickets, wakeups
from .events import Events, last_state
from .machine import open_lease_dir, place
from .priorities import read_priority
from .protocol import states
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.records import JobSpec, to_dict
from .stopping import read_spec
from .systemd import keep_over_reboots, outlives_boots, scope_prefix

_SECRET_KEEPERS = ("LT_JOB", "LT_ATTEMPT", "LT_OUT", "LT_METRICS")  # the dispatcher is no part of any job


def start(root: HostRoot, lease: LeaseDir, spec: JobSpec, agent_dir: Path) -> dict[str, Any]:
    """Has the attempt run on this machine as soon as a slot is free, and returns its `summary`.

    Idempotent: the same (job, attempt) again changes nothing but what an interrupted call left undone; the spec of
    the first call holds. `agent_dir` is the bundle that will supervise it. Raises LtError `lease_dir_unsafe`,
    `bad_job_id`.
    """
    attempt = root.attempt(spec.job, spec.attempt)
    open_lease_dir(lease)
    where = place(lease)
    for folder in (attempt.control, attempt.saved, attempt.pins, attempt.out, attempt.manifests):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    held = locks.lock(attempt.control / ".start", 10.0)
    if held is None:
        raise LtError("busy", job=spec.job, attempt=spec.attempt)
    try:
        if not attempt.spec.exists():
            Events(attempt).add("state", state=states.WAITING)
            write_json(attempt.spec, {**to_dict(spec), "place": where})
        queue(root, lease, attempt, agent_dir)
    finally:
        os.close(held)
    return summary(attempt)


def queue(root: HostRoot, lease: LeaseDir, attempt: AttemptPaths, agent_dir: Path) -> bool:
    """Writes the attempt's ticket if it has none and never began, and sees to it that a dispatcher runs.

    Returns whether the attempt waits. Whether it began is asked with its claim in hand: a supervisor holds that from
    before its ticket goes until after its outcome is written, so there is no moment in between.
    """
    if attempt.exit.exists() or attempt.supervisor.exists():
        return False
    if not tickets.exists(lease, attempt.job, attempt.attempt):
        claim = locks.try_lock(attempt.claim)
        if claim is None:
            return False
        try:
            if attempt.exit.exists() or attempt.supervisor.exists():
                return False
            spec = read_spec(attempt)
            tickets.write(
                lease,
                attempt,
                root=root,
                gpus=spec.gpus,
                agent=os.path.abspath(agent_dir),
                python=sys.executable,
                priority=read_priority(attempt, spec),
                spec=spec,
                again=_again(root, spec),
            )
        finally:
            os.close(claim)
    wakeups.wake(lease)
    ensure_dispatcher(root, lease, agent_dir)
    return True


def _again(root: HostRoot, spec: JobSpec) -> dict[str, Any] | None:
    """Of a retry: why the attempt before it ended, the how manyeth try this is, and of how many."""
    if not spec.tried or spec.attempt < 2:
        return None
    try:
        before = read_json(root.attempt(spec.job, spec.attempt - 1).exit)
    except ValueError:
        before = None
    reason = str(before.get("reason")) if isinstance(before, dict) else ""
    return {"reason": reason, "try": spec.tried, "tries": spec.retries}


def ensure_dispatcher(root: HostRoot, lease: LeaseDir, agent_dir: Path) -> None:
    """Starts this machine's dispatcher unless one runs; returns when it holds its lock.

    Nothing of the caller reaches it but the environment: no descriptor, no session, no marker of a job.
    """
    if locks.is_locked(lease.lock):
        return
    environment = {key: value for key, value in os.environ.items() if key not in _SECRET_KEEPERS}
    agent = [sys.executable, "-E", "-s", "-S", os.path.abspath(agent_dir)]
    where = ["--root", str(root.path), "--lease-dir", str(lease.path)]
    command = [*agent, "dispatch", *where]
    if outlives_boots(lease.path):
        keep_over_reboots([*agent, "judge", *where], hashlib.sha256(os.fsencode(lease.path)).hexdigest()[:8])
    log = os.open(lease.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        # It forks once it has the lock, and this child ends: the second half of the double fork.
        child = subprocess.Popen(
            [*scope_prefix(), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env=environment,
        )
    finally:
        os.close(log)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(20)


def summary(attempt: AttemptPaths) -> dict[str, Any]:
    """What a controller wants to know at a glance:
    `{job, attempt, name, owner, by, kind, state, reason, exit, manifests}`.

    `exit` is the exit record or None; `manifests` are the names of complete checkpoints.
    Raises LtError `no_such_job` if there is no spec, ValueError if a record is torn.
    """
    spec = read_spec(attempt)
    # The outcome is read before the events: what ends in between then shows as running, not as an end without record.
    outcome = read_json(attempt.exit)
    if isinstance(outcome, dict):
        state, reason = str(outcome.get("state")), str(outcome.get("reason"))
    else:
        said = str(last_state(attempt).get("state", states.WAITING))
        state, reason = (said if said in states.STATES and said not in states.RESTING else states.RUNNING), ""
    # A folder among those of its job: who has adopted it stands beside.
    whose = owners.read_adoption(attempt.path.parent / "owner.json") or {}
    return {
        "job": attempt.job,
        "attempt": attempt.attempt,
        "name": spec.name,
        "owner": whose.get("owner", spec.owner),
        "by": whose.get("by", spec.submitted_from),
        "kind": spec.kind,
        "state": state,
        "reason": reason,
        "exit": outcome,
        "manifests": manifest_names(attempt),
    }


def manifest_names(attempt: AttemptPaths) -> list[str]:
    """The names of the attempt's complete checkpoints."""
    try:
        found = os.listdir(attempt.manifests)
    except FileNotFoundError:
        return []
    return sorted(name[:-5] for name in found if name.endswith(".json") and not name.startswith("."))
