"""Specs and summaries as a host shows them, checked: hosts are not trusted."""

from __future__ import annotations

import json
import re
from typing import Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import DataLink, EnvPlan, JobSpec, ResumeFrom, from_dict
from lt_agent.protocol.ulid import is_ulid

from ..store.owners import Other
from ..store.told import is_deep, plain

MAX_SPEC = 2 << 20  # bytes of one spec as JSON
MAX_TEXT = 500  # characters of a name or of an owner
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_NUMBERS = (
    *("gpus", "stop_grace", "disk_floor", "created_at", "gpu_memory", "cpus", "disk"),
    *("retries", "retry_wait", "tried", "not_before"),
)
_PULLS = ("", "last", "best", "all", "none")


def checked_spec(value: Any, job: str, attempt: int) -> JobSpec:
    """The spec of that very attempt, with every value of its type; a name that is none is made anew.

    Raises LtError `bad_record`.
    """
    if is_deep(value):
        raise LtError("bad_record", record="JobSpec", problem=f"{job}: nested too deeply")
    text = plain(json.dumps(value, ensure_ascii=False))  # half a surrogate pair can't be stored
    if len(text) > MAX_SPEC:
        raise LtError("bad_record", record="JobSpec", problem=f"{job}: its size")
    value = json.loads(text)
    spec = from_dict(JobSpec, value)
    problem = _wrong(spec, job, attempt)
    if problem:
        raise LtError("bad_record", record="JobSpec", problem=f"{job}: {problem}")
    if not _NAME.match(spec.name) or is_ulid(spec.name.upper()):
        spec = from_dict(JobSpec, {**value, "name": f"job-{job[-6:].lower()}"})
    return spec


def checked_other(value: Any) -> Other | None:
    """A line of a host's list of jobs; None for what is none."""
    if not isinstance(value, dict) or not is_ulid(str(value.get("job"))):
        return None
    attempt, state = value.get("attempt"), value.get("state")
    if not isinstance(attempt, int) or not 0 < attempt < 1 << 31 or state not in states.STATES:
        return None
    text = {key: plain(str(value.get(key) or ""))[:MAX_TEXT] for key in ("name", "owner", "by", "kind", "reason")}
    return Other(
        id=str(value["job"]),
        name=text["name"],
        owner=text["owner"],
        by=text["by"],
        kind=text["kind"],
        state=str(state),
        reason=text["reason"],
        attempt=attempt,
    )


def _wrong(spec: JobSpec, job: str, attempt: int) -> str:
    """The first value that is not what it should be, or nothing."""
    if spec.job != job or spec.attempt != attempt or not is_ulid(job) or isinstance(attempt, bool) or attempt < 1:
        return "it is another attempt's"
    checks = {
        "kind": spec.kind in ("recipe", "command"),
        "argv": _texts(spec.argv),
        "recipe": isinstance(spec.recipe, dict),
        "method": isinstance(spec.recipe, dict) and isinstance(spec.recipe.get("method"), (str, type(None))),
        "env": _env(spec.env),
        "variables": isinstance(spec.variables, dict) and _texts([*spec.variables, *spec.variables.values()]),
        "outputs": _texts(spec.outputs),
        "printed": _texts(spec.printed),
        "secrets": _texts(spec.secrets) and all(map(_SECRET.match, spec.secrets)),
        "inputs": isinstance(spec.inputs, dict) and _texts([*spec.inputs, *spec.inputs.values()]),
        "priority": isinstance(spec.priority, int) and abs(spec.priority) < 1 << 31,
        "data": all(_link(link) for link in spec.data) and (spec.code is None or _link(spec.code)),
        "resume": spec.resume is None or _resume(spec.resume),
        "pull": spec.pull in _PULLS,
    }
    checks |= {name: isinstance(getattr(spec, name), str) for name in ("name", "owner", "submitted_from", "title")}
    checks |= {name: _number(getattr(spec, name)) for name in _NUMBERS}
    checks |= {name: _number(getattr(spec, name), none=True) for name in ("timeout", "save_total_limit")}
    return next((name for name, right in checks.items() if not right), "")


def _texts(values: Any) -> bool:
    return isinstance(values, (tuple, list)) and all(isinstance(value, str) for value in values)


def _number(value: Any, *, none: bool = False) -> bool:
    if value is None:
        return none
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    return right and 0 <= value < 1 << 53  # which NaN is not


def _link(link: DataLink) -> bool:
    """Names of data may have letters of any script."""
    return all(
        isinstance(part, str) and part not in ("", ".", "..") and "/" not in part and len(part) <= MAX_TEXT
        for part in (link.name, link.digest)
    )


def _resume(resume: ResumeFrom) -> bool:
    right = isinstance(resume.attempt, int) and 0 < resume.attempt < 1 << 31
    return right and isinstance(resume.name, str) and _SEGMENT.match(resume.name) is not None


def _env(env: Any) -> bool:
    if not isinstance(env, EnvPlan):
        return False
    words = (env.kind, env.python, env.digest, env.torch_backend, env.python_version, env.reason)
    return _texts(words) and _texts(env.packages) and _texts(env.options)
