"""Whose job it is: the LT_HOME that submitted it, or the one that has adopted it since. The host's word decides.

Whoever acts on a job holds its owner's lock, shared; who adopts holds it alone. So an adoption comes before or after an
act of the old owner, never in the middle of one.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, Iterator

from . import locks
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import HostRoot

_LOCK_SECONDS = 10.0


def owner_of(root: HostRoot, job: str) -> dict[str, Any]:
    """`{owner, by}`: the id of the LT_HOME that the job belongs to, and its person (`user@laptop`).

    Adopted jobs have `since` and `previous` as well. Raises LtError `no_such_job`, `bad_job_id`.
    """
    adopted = read_adoption(root.owner(job))
    if adopted is not None:
        return adopted
    for paths in root.attempts(job):
        with contextlib.suppress(ValueError):
            spec = read_json(paths.spec)
            if isinstance(spec, dict):
                return {"owner": str(spec.get("owner", "")), "by": str(spec.get("submitted_from", ""))}
    raise LtError("no_such_job", job=job)


def read_adoption(path: Path) -> dict[str, Any] | None:
    """What `owner.json` says; None without one, or where it can't be read (then the submitter is the owner)."""
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("owner"), str) else None


def adopt(root: HostRoot, job: str, owner: str, by: str, expected: str | None = None) -> dict[str, Any]:
    """Makes `owner` the job's owner, durably, and returns the record. Again is harmless.

    `expected`: whom the person takes it from. Raises LtError `owner_changed` if it is another's by now, so that of two
    who adopt at once the second is told; `no_such_job`; `busy` while an act of the old owner does not end.
    """
    if not root.attempts(job):
        raise LtError("no_such_job", job=job)
    fd = _lock(root, job, shared=False)
    try:
        before = owner_of(root, job)
        if before["owner"] == owner:
            return before
        if expected is not None and before["owner"] != expected:
            raise LtError("owner_changed", job=job, by=before.get("by"))
        record = {"owner": owner, "by": by, "since": time.time(), "previous": before["owner"]}
        write_json(root.owner(job), record)
        return record
    finally:
        os.close(fd)


@contextlib.contextmanager
def acting(root: HostRoot, job: str, owner: str) -> Iterator[None]:
    """Holds off adoptions while `owner` acts on the job. A job that is not here (yet) is anybody's to start.

    Raises LtError `not_your_job` for another's job.
    """
    fd = None
    if root.owner(job).parent.is_dir():
        with contextlib.suppress(OSError):  # a full disk must not keep a job from being stopped
            fd = _lock(root, job, shared=True)
    try:
        check(root, job, owner)
        yield
    finally:
        if fd is not None:
            os.close(fd)


def check(root: HostRoot, job: str, owner: str) -> None:
    """Raises LtError `not_your_job{job, owner, by}` unless the job is `owner`'s, or not here at all.

    Without an owner (a bridge that was told of none) nothing is refused: this keeps laptops from crossing each other,
    not the host's own user from his files.
    """
    if not owner:
        return
    try:
        record = owner_of(root, job)
    except LtError as error:
        if error.code != "no_such_job":
            raise
        return
    if record["owner"] != owner:
        raise LtError("not_your_job", job=job, owner=record["owner"], by=record.get("by"))


def _lock(root: HostRoot, job: str, *, shared: bool) -> int:
    try:
        fd = locks.lock(root.owner(job).with_name(".owner.lock"), _LOCK_SECONDS, shared=shared)
    except FileNotFoundError:
        raise LtError("no_such_job", job=job) from None
    if fd is None:
        raise LtError("busy", job=job)
    return fd
