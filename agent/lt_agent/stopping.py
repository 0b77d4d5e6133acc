"""Requests to an attempt, as files in `control/`, and how a stop proceeds, as a pure function of time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from . import locks, wakeups
from .outcome import release_reserve
from .protocol.errors import LtError
from .protocol.files import read_json, write_json
from .protocol.paths import AttemptPaths
from .protocol.records import JobSpec, from_dict
from .protocol.states import CANCELLED, FAILED, PAUSED, TIMED_OUT

# kind of request -> (state, reason) of the attempt that ended by it
OUTCOMES = {
    "stop": (CANCELLED, "stopped"),
    "pause": (PAUSED, "paused"),
    "timeout": (TIMED_OUT, "timeout"),
    "disk": (FAILED, "disk_full"),
}
KILL_AFTER = 10.0  # seconds between SIGTERM and SIGKILL for the group


@dataclass(frozen=True)
class StopRequest:
    """Who wants the attempt to end, why, and how long it may take to save (`grace`, seconds)."""

    kind: str
    grace: float
    requested_by: str
    time: float


def request_stop(attempt: AttemptPaths, kind: str, grace: float | None = None, by: str = "") -> StopRequest:
    """Asks the attempt to save and end; returns the request that now holds.

    `kind` is a key of `OUTCOMES`; `grace` defaults to the spec's `stop_grace`. Asking again can only hasten: the
    shorter grace counts, and a stop replaces a pause. An attempt that has ended is left alone.
    Raises LtError `no_such_job`, or `bad_record` for another kind, OSError.
    """
    if kind not in OUTCOMES:
        raise LtError("bad_record", record="StopRequest", problem=f"kind {kind!r}")
    wanted = StopRequest(kind, read_spec(attempt).stop_grace if grace is None else max(0.0, grace), by, time.time())
    before = read_stop(attempt)
    request = wanted if before is None else merge(before, wanted)
    if request != before and not attempt.exit.exists():
        try:
            write_json(attempt.stop_request, request.__dict__, durable=False)
        except OSError:  # the disk is full, perhaps of this very job: what was kept back for its last words serves
            release_reserve(attempt)
            write_json(attempt.stop_request, request.__dict__, durable=False)
    wakeups.wake_dispatcher_of(attempt)
    return request


def merge(before: StopRequest, wanted: StopRequest) -> StopRequest:
    """The request that holds when `wanted` comes after `before`."""
    if wanted.kind == "pause" or before.kind in ("timeout", "disk"):
        kind, by = before.kind, before.requested_by
    else:
        kind, by = wanted.kind, wanted.requested_by
    remaining = before.time + before.grace - wanted.time
    if wanted.grace < remaining:
        return StopRequest(kind, wanted.grace, by, wanted.time)
    return StopRequest(kind, before.grace, by, before.time)


def read_stop(attempt: AttemptPaths) -> StopRequest | None:
    """The request that lies there, or None. One that can't be read counts as a plain stop: it was meant."""
    try:
        value = read_json(attempt.stop_request)
    except ValueError:
        value = {}
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("kind") not in OUTCOMES:
        return StopRequest("stop", 60.0, "", 0.0)
    return StopRequest(
        value["kind"],
        _number(value.get("grace"), 60.0),
        str(value.get("requested_by", "")),
        _number(value.get("time"), 0.0),
    )


def request_save(attempt: AttemptPaths) -> int:
    """Asks a recipe's worker for a checkpoint at its next step; returns the request's number, which rises.

    Raises LtError `not_a_recipe` for a command, `job_ended`, `no_such_job`.
    """
    spec = read_spec(attempt)
    if spec.kind != "recipe":
        raise LtError("not_a_recipe", job=attempt.job, name=spec.name)
    if attempt.exit.exists():
        raise LtError("job_ended", job=attempt.job, name=spec.name)
    held = locks.lock(attempt.control / ".save", 5.0)
    try:
        try:
            before = read_json(attempt.save_request)
        except ValueError:
            before = None
        seq = 1 + (int(before["seq"]) if isinstance(before, dict) and "seq" in before else 0)
        write_json(attempt.save_request, {"seq": seq, "time": time.time()}, durable=False)
    finally:
        if held is not None:
            os.close(held)
    return seq


def read_spec(attempt: AttemptPaths) -> JobSpec:
    """The attempt's spec. Raises LtError `no_such_job` if there is none."""
    value = read_json(attempt.spec)
    if value is None:
        raise LtError("no_such_job", job=attempt.job, attempt=attempt.attempt)
    return from_dict(JobSpec, value)


def next_signal(seconds: float, grace: float, sent: tuple[str, ...]) -> tuple[str | None, float | None]:
    """What to send to the group, `seconds` after the request: ("sigterm" | "sigkill" | None, seconds until the next).

    `sent` is what it got already. The worker has `grace` to itself; then SIGTERM, and `KILL_AFTER` later SIGKILL.
    """
    if "sigkill" in sent:
        return None, None
    if "sigterm" in sent or seconds >= grace + KILL_AFTER:
        if seconds >= grace + KILL_AFTER:
            return "sigkill", None
        return None, grace + KILL_AFTER - seconds
    if seconds >= grace:
        return "sigterm", KILL_AFTER
    return None, grace - seconds


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else default
