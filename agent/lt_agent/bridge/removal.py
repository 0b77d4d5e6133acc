"""Removing a job's folder from the host, and only that of one which has ended."""

from __future__ import annotations

import os
import shutil

from ..protocol.errors import LtError
from ..protocol.paths import HostRoot
from ..protocol.ulid import is_ulid
from .settling import claim_is_free


def remove_job(root: HostRoot, job: str) -> None:
    """Deletes `jobs/<job>` with all attempts. No such job: nothing to do, so it may be repeated.

    Raises LtError `bad_job_id`, and `job_alive{job, attempt}` while one of its attempts waits, runs or is just ending.
    """
    if not is_ulid(job):
        raise LtError("bad_job_id", job=job, attempt=0)
    for paths in root.attempts(job):
        if paths.spec.exists() and not (paths.exit.exists() and claim_is_free(paths)):
            raise LtError("job_alive", job=job, attempt=paths.attempt)
    # Renamed first: nobody takes a half-deleted job for one. The prefix makes it no job's name.
    aside = root.jobs / f".removed-{job}"
    try:
        os.rename(root.jobs / job, aside)
    except FileNotFoundError:
        pass
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(root.jobs / job, aside)
    shutil.rmtree(aside, ignore_errors=True)
