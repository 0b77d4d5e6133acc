"""The attempt that follows a failed one by itself. `exit.json` says that there will be one; here it is begun.

Whoever comes first begins it: the supervisor that ended, the judge, a bridge that was asked, or the controller that
read the outcome and calls `start`. All of them make the same spec, and the folder exists once.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from . import checkpoints, start
from .priorities import read_priority
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths, HostRoot, LeaseDir
from .protocol.records import ExitRecord, JobSpec, from_dict
from .protocol.retrying import Retry, next_spec, retry_of
from .stopping import read_spec


def plan(attempt: AttemptPaths, record: ExitRecord) -> dict[str, Any] | None:
    """What the outcome's `retry` should say, `{attempt, tried, at, name}`; None if there is to be none.

    With a retry a mark is left first, by which `follow_up` is found to be due after a crash.
    """
    try:
        retry = retry_of(read_spec(attempt), record)
    except (LtError, OSError, ValueError):
        return None
    if retry is None:
        return None
    with contextlib.suppress(OSError):
        write_json(attempt.retry, {})
    return {**retry.__dict__, "name": checkpoints.newest_resumable(attempt)}


def is_due(attempt: AttemptPaths) -> bool:
    """Whether an ended attempt may want one and has none yet. A look for a file, since it is asked of thousands."""
    return attempt.retry.exists()


def follow_up(root: HostRoot, lease: LeaseDir, attempt: AttemptPaths, agent_dir: Path) -> AttemptPaths | None:
    """Begins the attempt that the outcome of this one announces, if that is not done; returns its folder, or None.

    Raises LtError as `start.start` does; the mark stays then, and the next look tries again.
    """
    try:
        record = from_dict(ExitRecord, read_json(attempt.exit))
        spec = read_spec(attempt)
    except (LtError, ValueError):
        return None
    said = record.retry
    if not isinstance(said, dict):
        _settled(attempt)
        return None
    retry = Retry(int(said["attempt"]), int(said["tried"]), float(said["at"]))
    following = root.attempt(spec.job, retry.attempt)
    if not following.spec.exists():
        start.start(root, lease, _spec(spec, retry, said.get("name"), attempt), agent_dir)
    _settled(attempt)
    return following


def current(root: HostRoot, lease: LeaseDir, attempt: AttemptPaths, agent_dir: Path) -> AttemptPaths:
    """The attempt that a request for this one means by now: it may have been followed by others meanwhile.

    One that is not there is begun, if the outcome before it announces it.
    """
    if not attempt.path.is_dir() and attempt.attempt > 1:
        follow_up(root, lease, root.attempt(attempt.job, attempt.attempt - 1), agent_dir)
    while attempt.exit.exists():
        following = follow_up(root, lease, attempt, agent_dir)
        if following is None:
            break
        attempt = following
    return attempt


def _spec(spec: JobSpec, retry: Retry, saved: Any, attempt: AttemptPaths) -> JobSpec:
    from dataclasses import replace

    following = next_spec(spec, retry, saved if isinstance(saved, str) else None)
    return replace(following, priority=read_priority(attempt, spec))


def _settled(attempt: AttemptPaths) -> None:
    with contextlib.suppress(FileNotFoundError):
        attempt.retry.unlink()
