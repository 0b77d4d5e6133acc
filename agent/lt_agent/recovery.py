"""What a laptop that has lost its database asks for: whose a job is, and the spec of each of its attempts."""

from __future__ import annotations

from typing import Any, Sequence

from . import owners, procs
from .protocol.errors import LtError
from .protocol.files import read_json
from .protocol.paths import HostRoot

LIMIT = 100  # jobs in one answer: their specs have to fit into a frame


def records(root: HostRoot, jobs: Sequence[str]) -> dict[str, Any]:
    """Job → `{owner, by, attempts: {"1": spec, …}, alive}`, for those that are here.

    A job whose folder is gone is `{missing: true, alive}`: `alive` counts the processes on this machine that carry its
    marker, looked for only then. Raises LtError `bad_request` for more than `LIMIT` jobs, `bad_job_id`.
    """
    if len(jobs) > LIMIT:
        raise LtError("bad_request", key="jobs")
    return {job: _record(root, job) for job in jobs}


def _record(root: HostRoot, job: str) -> dict[str, Any]:
    specs = {}
    for paths in root.attempts(job):
        try:
            spec = read_json(paths.spec)
        except (OSError, ValueError):
            continue  # a torn one is no attempt to anybody else, either
        if isinstance(spec, dict):
            specs[str(paths.attempt)] = spec
    if not specs:
        root.owner(job)  # raises for what is no job's id
        return {"missing": True, "alive": len(procs.marked(job))}
    whose = owners.owner_of(root, job)
    return {"owner": whose["owner"], "by": whose.get("by", ""), "attempts": specs}
