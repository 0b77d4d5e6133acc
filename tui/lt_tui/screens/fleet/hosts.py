"""The fleet's hosts: what is live is shown as that, what is old says how old it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lt_controller.client.details import HostInfo
from lt_controller.client.fleet import Fleet, Sample

from ...glyphs import glyphs, sparkline
from ...i18n import N_, _
from ...text import STALE_SECONDS, Cell, Span, age, duration, short_ago, sign, size, state_word
from ...widgets.table import Column

_Gpu = tuple[float | None, float | None, bool]  # utilisation in percent, share of the memory, live
CLOSED = (N_("drained"), N_("retired"))  # what `closed` of a host may be


@dataclass(frozen=True)
class HostLine:
    """A host with what is measured on it now."""

    info: HostInfo
    now: datetime
    gpus: tuple[_Gpu, ...]
    load: tuple[float, ...]
    running: int
    waiting: int
    measured: datetime | None  # when the newest sample was taken

    @property
    def live(self) -> bool:
        """Its samples are of this minute."""
        past = age(self.measured, self.now)
        return past is not None and past <= STALE_SECONDS

    @property
    def free(self) -> float | None:
        """Bytes free on the root's disk at the last look."""
        disks = self.fact.get("disks")
        root = disks.get("root") if isinstance(disks, Mapping) else None
        return _number(root.get("free")) if isinstance(root, Mapping) else None

    @property
    def fact(self) -> Mapping[str, Any]:
        """The last probe, empty where there was none."""
        return self.info.facts or {}


def host_lines(fleet: Fleet) -> list[HostLine]:
    """One line per host."""
    jobs: dict[str, list[Any]] = {}
    for job in fleet.jobs:
        if not job.resting:
            jobs.setdefault(job.host, []).append(job)
    return [_line(info, fleet, jobs.get(info.name, [])) for info in fleet.hosts]


def _line(info: HostInfo, fleet: Fleet, jobs: list[Any]) -> HostLine:
    live: list[_Gpu] = []
    measured: datetime | None = None
    gpus = info.gpus
    for job in jobs:
        samples = fleet.samples.get(job.id, {})
        for sample in samples.values():
            if sample.time and (measured is None or sample.time > measured):
                measured = sample.time
        live += _of_job(samples, gpus)
    idle = [(_number(gpu.get("util")), _memory(gpu), False) for gpu in gpus[len(live) :]]
    running = sum(job.state in ("running", "stopping", "preparing") for job in jobs)
    load = fleet.load.get(info.name, ())
    return HostLine(info, fleet.time, (*live, *idle), load, running, len(jobs) - running, measured)


def _of_job(samples: Mapping[str, Sample], gpus: Sequence[Mapping[str, Any]]) -> list[_Gpu]:
    found: list[_Gpu] = []
    while f"gpu{len(found)}/util" in samples:
        number = len(found)
        used = samples.get(f"gpu{number}/mem")
        total = _number(gpus[number].get("memory_total")) if number < len(gpus) else None
        share = used.value / total if used and used.value is not None and total else None
        found.append((samples[f"gpu{number}/util"].value, share, True))
    return found


def host_columns() -> list[Column[HostLine]]:
    """From what one looks for first to what gives way first."""
    return [
        Column("host", "HOST", 10, lambda line, _w: ((line.info.name, "bold"),), grow=2),
        Column("state", "STATE", 13, _state, text=lambda line: line.info.state),
        Column("gpu", "GPU", 12, _gpus, sort=_busy, grow=1, weight=1, text=_percents),
        Column("mem", "MEM", 5, _mem, sort=_memory_of, right=True, weight=4),
        Column("", "LOAD 10m", 12, _load, sort=lambda line: line.load[-1] if line.load else None, weight=3),
        Column("jobs", "JOBS", 7, _jobs, sort=lambda line: line.running + line.waiting, right=True),
        Column("disk", "DISK FREE", 9, _disk, sort=_free, right=True, weight=5),
        Column("price", "PRICE", 6, _price, sort=lambda line: line.info.host.price, right=True, weight=7),
        Column("left", "LEFT", 7, _left, sort=lambda line: line.info.host.until, right=True, weight=6),
        Column("facts", "FACTS", 5, _facts, right=True, weight=8),
        Column("seen", "SEEN", 5, _seen, sort=lambda line: line.info.last_seen, right=True, weight=2),
    ]


def _state(line: HostLine, _width: int) -> Cell:
    code = line.info.state
    mark, tone = sign(code)
    if code == "unknown" and line.info.name == "local":
        return ((f"{sign('reachable')[0]} {_('local')}", "dim"),)
    if line.info.host.closed:
        return ((f"{mark} ", tone or "dim"), (_(line.info.host.closed), "warn"))
    return ((f"{mark} {state_word(code)}", tone or "dim"),)


def _gpus(line: HostLine, width: int) -> Cell:
    """One bar each; those that nothing of ours runs on are from the last probe, and faint."""
    if not line.gpus:
        return (("–" if line.info.facts is not None else "?", "faint"),)
    bars = glyphs().bars
    parts: list[Span] = []
    shown = line.gpus[: max(1, width - 5)]
    for util, _memory_share, live in shown:
        level = bars[1:][int(min(max(util, 0), 99) / 100 * 8)] if util is not None else glyphs().dot
        parts.append((level, ("ok" if (util or 0) >= 50 else "warn") if live and line.live else "faint"))
    known = [util for util, _m, live in line.gpus if util is not None and live and line.live]
    if known:
        parts.append((f" {sum(known) / len(known):3.0f}%", ""))
    return tuple(parts)


def _busy(line: HostLine) -> float | None:
    known = [util for util, _m, _live in line.gpus if util is not None]
    return sum(known) / len(known) if known else None


def _mem(line: HostLine, _width: int) -> Cell:
    share = _memory_of(line)
    return ((f"{share:.0%}", "" if line.live else "faint"),) if share is not None else ""


def _memory_of(line: HostLine) -> float | None:
    known = [share for _u, share, _live in line.gpus if share is not None]
    return sum(known) / len(known) if known else None


def _percents(line: HostLine) -> str:
    return " ".join(f"{util:.0f}%" if util is not None else "?" for util, _m, _live in line.gpus)


def _load(line: HostLine, width: int) -> Cell:
    if not line.load:
        return ""
    return ((sparkline(line.load, width, 0, 100), "run" if line.live else "faint"),)


def _jobs(line: HostLine, _width: int) -> Cell:
    if not line.running and not line.waiting:
        return (("–", "faint"),)
    waiting = f"+{line.waiting}" if line.waiting else ""
    return ((str(line.running), "bold" if line.running else "dim"), (waiting, "warn"))


def _disk(line: HostLine, _width: int) -> Cell:
    free = _free(line)
    if free is None:
        return ""
    return ((size(free), "bad" if free < 5 << 30 else "warn" if free < 20 << 30 else ""),)


def _free(line: HostLine) -> float | None:
    return line.free


def _price(line: HostLine, _width: int) -> Cell:
    price = line.info.host.price
    return f"{price:g}/h" if price is not None else ""


def _left(line: HostLine, _width: int) -> Cell:
    until = line.info.host.until
    if until is None:
        return ""
    left = (until - line.now).total_seconds()
    return ((duration(left), "bad" if left < 3600 else "warn" if left < 6 * 3600 else ""),)


def _facts(line: HostLine, _width: int) -> Cell:
    return ((short_ago(line.info.facts_time, line.now), "dim"),)


def _seen(line: HostLine, _width: int) -> Cell:
    text = short_ago(line.info.last_seen, line.now)
    past = age(line.info.last_seen, line.now)
    old = line.info.state == "unreachable" or (past or 0) > 600
    return ((text, "warn" if old and line.info.state != "unknown" else "dim"),)


def _memory(gpu: Mapping[str, Any]) -> float | None:
    total, free = _number(gpu.get("memory_total")), _number(gpu.get("memory_free"))
    return (total - free) / total if total and free is not None else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
