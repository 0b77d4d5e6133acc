"""Which ends a new attempt may cure, when it begins and from where: decided alike on the host and on the laptop."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from .records import ExitRecord, JobSpec, ResumeFrom
from .states import FAILED, LOST

LONGEST_WAIT = 3600.0  # seconds
JITTER = 0.1  # of the wait, more or less: what failed together need not begin together

CURABLE = frozenset(
    {
        *("host_rebooted", "container_restarted", "supervisor_killed"),
        *("exit_code", "signal", "rank_died", "oom", "hang", "exception", "disk_full", "error"),
        *("agent_error", "no_supervisor", "env_build_failed", "start_failed", "secret_gone"),
    }
)
"""Reasons that may be another one's fault, or a moment's: these are tried again."""

INCURABLE = frozenset(
    {
        *("nan", "bad_recipe", "bad_data", "missing_module", "model_not_found", "resume_incomplete", "resume_missing"),
        *("data_changed", "data_missing", "env_python_missing", "uv_missing"),
        *("bad_name", "bad_manifest", "bad_record", "host_retired"),
        *("not_enough_slots", "not_enough_gpus", "not_enough_gpu_memory", "not_enough_cpus", "not_enough_disk"),
    }
)
"""Reasons that the next attempt would meet as well. One that stands in neither table is not tried again."""


@dataclass(frozen=True)
class Retry:
    """The attempt that follows a failed one by itself: its number, the how manyeth it is, and when it may start."""

    attempt: int
    tried: int
    at: float  # by the host's clock


def retry_of(spec: JobSpec, record: ExitRecord) -> Retry | None:
    """Whether and when the attempt of this spec, which ended so, is followed by another."""
    if record.state not in (FAILED, LOST) or record.reason not in CURABLE or spec.tried >= spec.retries:
        return None
    return Retry(spec.attempt + 1, spec.tried + 1, record.finished_at + wait_before(spec))


def wait_before(spec: JobSpec) -> float:
    """Seconds between the end of this attempt and the start of the next: doubled with each, and never quite the same.

    The same spec waits equally long, whoever works it out.
    """
    wait = min(LONGEST_WAIT, max(0.0, spec.retry_wait) * 2.0 ** min(spec.tried, 32))
    return wait * (1 + JITTER * random.Random(f"{spec.job}-{spec.attempt}").uniform(-1, 1))  # noqa: S311


def next_spec(spec: JobSpec, retry: Retry, saved: str | None) -> JobSpec:
    """The spec of that attempt: from `saved`, the attempt's newest complete checkpoint, else from where it began."""
    resume = ResumeFrom(spec.attempt, saved) if saved is not None else spec.resume
    return replace(spec, attempt=retry.attempt, tried=retry.tried, not_before=retry.at, resume=resume)


def retry_from(value: Any, spec: JobSpec, record: ExitRecord) -> Retry | None:
    """The retry that a host tells of, if it is one that this spec allows: hosts are not trusted."""
    expected = retry_of(spec, record)
    if expected is None or not isinstance(value, dict):
        return None
    at = value.get("at")
    if value.get("attempt") != expected.attempt or isinstance(at, bool) or not isinstance(at, (int, float)):
        return None
    if not 0 <= at - record.finished_at <= 2 * LONGEST_WAIT:
        return None
    return replace(expected, at=float(at))
