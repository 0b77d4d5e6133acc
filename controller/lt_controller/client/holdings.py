"""What a host holds at this moment: processes, environments, data, jobs. Asked of the host, stored nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .clock import now

_MOST = 5000  # of a list: a host is not trusted to know when to stop


@dataclass(frozen=True)
class Process:
    """A process of the host. `job` is the name of a job of ours, else its id; memory in bytes, `cpu` percent."""

    pid: int
    user: str
    name: str
    memory: int
    gpu_memory: int
    cpu: float
    age: float  # seconds
    job: str
    ours: bool  # a job's, or a part of lt


@dataclass(frozen=True)
class Holding:
    """Something of ours on the host's disk. `kind`: env, data, job, agent; `name` is a job's name where it is known."""

    kind: str
    name: str
    detail: str
    size: int
    used: datetime | None  # last changed


@dataclass(frozen=True)
class Holdings:
    """The answer. `items` is None where the disk was not asked for; `partial`: there was too much to count it all."""

    time: datetime
    processes: tuple[Process, ...]
    items: tuple[Holding, ...] | None = None
    partial: bool = False

    def total(self, kind: str) -> int:
        """Bytes of all of a kind."""
        return sum(item.size for item in self.items or () if item.kind == kind)


def parsed(answer: Mapping[str, Any], names: Mapping[str, str]) -> Holdings:
    """What a host answered, with everything that is not of its kind left out. `names`: job ids → names."""
    processes = []
    for item in _entries(answer.get("processes")):
        job = _text(item, "job")
        processes.append(
            Process(
                pid=_whole(item, "pid"),
                user=_text(item, "user"),
                name=_text(item, "name"),
                memory=_whole(item, "memory"),
                gpu_memory=_whole(item, "gpu_memory"),
                cpu=_number(item, "cpu"),
                age=_number(item, "age"),
                job=names.get(job, job),
                ours=bool(job) or item.get("lt") is True,
            )
        )
    disk = answer.get("disk")
    if not isinstance(disk, Mapping):
        return Holdings(now(), tuple(processes))
    items = []
    for item in _entries(disk.get("items")):
        name = _text(item, "name")
        items.append(
            Holding(
                kind=_text(item, "kind"),
                name=names.get(name, name),
                detail=_text(item, "detail"),
                size=_whole(item, "size"),
                used=_moment(_number(item, "used")),
            )
        )
    items.sort(key=lambda item: (item.kind, -item.size, item.name))
    return Holdings(now(), tuple(processes), tuple(items), disk.get("partial") is True)


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value[:_MOST] if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value[:200] if isinstance(value, str) else ""


def _number(item: Mapping[str, Any], key: str) -> float:
    value = item.get(key)
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and value < float("inf")
    return float(min(max(0, value), 10**18)) if known and value is not None else 0.0  # an integer may be no float


def _whole(item: Mapping[str, Any], key: str) -> int:
    return int(_number(item, key))


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, timezone.utc) if 0 < seconds < 1e11 else None
