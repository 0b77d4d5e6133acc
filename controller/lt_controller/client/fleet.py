"""The whole fleet in one look: hosts, jobs, the latest samples and a short curve of each running job.

A screen asks once a second, so nothing is parsed twice: the inventory's file is read again when it has changed, a
probe's JSON when there is a newer one, a job's row when it is another, an attempt's metrics when more have come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states

from ..pace import seconds_left
from . import clock
from .database import Reader, load, when
from .details import HostInfo
from .live import BIN_SECONDS, UTIL_SECONDS, Key, Live, LiveReader, Sample, latest_samples
from .models import Job
from .queries import JobMemo, jobs

if TYPE_CHECKING:
    from lt_inventory.model import Host

__all__ = ["Fleet", "FleetReader", "Sample", "latest_samples"]

_LIVE = (states.RUNNING, states.STOPPING)


@dataclass(frozen=True)
class Fleet:
    """What was known at `time`. Curves and samples are there for jobs that run."""

    time: datetime
    hosts: tuple[HostInfo, ...] = ()
    jobs: tuple[Job, ...] = ()
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # job id → its latest losses
    samples: Mapping[str, Mapping[str, Sample]] = field(default_factory=dict)  # job id → `gpu0/util` … → value
    load: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # host → percent, the last ten minutes


class FleetReader:
    """Reads a `Fleet` again and again, remembering what has not changed."""

    def __init__(self, db: Reader, hosts_file: Path) -> None:
        self._db = db
        self._path = hosts_file
        self._stamp: tuple[int, int] | None = None
        self._inventory: dict[str, Host] = {}
        self._facts: dict[str, tuple[str, Mapping[str, Any] | None]] = {}
        self._memo: JobMemo = {}
        self._timed: dict[str, tuple[Job, float, Job]] = {}  # job id → as it was read, its time left, with that
        self._live = LiveReader(db)

    def read(self) -> Fleet:
        """Everything as it is now. Raises LtError `hosts_file_invalid`, `database_unreadable`."""
        found = jobs(self._db, all=True, memo=self._memo)
        live = self._live.read((job.id, job.attempt) for job in found if job.state in _LIVE)
        known = tuple(self._with_eta(found, live))
        curves = {job: now.curve for (job, _), now in live.items() if now.curve}
        samples = {job: now.samples for (job, _), now in live.items() if now.samples}
        return Fleet(clock.now(), self.hosts(known), known, curves, samples, _loads(known, live))

    def hosts(self, known: Sequence[Job] = ()) -> tuple[HostInfo, ...]:
        """All hosts of the inventory, sorted by name, with the number of those `known` jobs that are alive there."""
        rows = {row["name"]: row for row in self._db.rows("SELECT * FROM hosts")}
        times = self._db.rows("SELECT host, max(time) AS time FROM facts GROUP BY host")
        newest = {row["host"]: row["time"] for row in times}
        active: dict[str, int] = {}
        for job in known:
            if not job.resting:
                active[job.host] = active.get(job.host, 0) + 1
        return tuple(
            self._info(host, rows.get(name), newest.get(name), active.get(name, 0))
            for name, host in sorted(self._hosts().items())
        )

    def _hosts(self) -> dict[str, Host]:
        from lt_inventory.hosts_file import HostsFile

        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            stamp = (0, 0)
        if stamp != self._stamp:
            self._inventory = HostsFile(self._path).load()
            self._stamp = stamp
        return self._inventory

    def _info(self, host: Host, row: Any, time: str | None, active: int) -> HostInfo:
        facts = self._known_facts(host.name, time) if time else None
        if row is None:
            return HostInfo(host, facts=facts, facts_time=when(time), active=active)
        return HostInfo(
            host=host,
            state=row["state"] or "unknown",
            error=load(row["error"]),
            last_seen=when(row["last_seen"]),
            next_try_at=when(row["next_try_at"]),
            activity=row["activity"],
            clock_offset=row["clock_offset"],
            facts=facts,
            facts_time=when(time),
            active=active,
        )

    def _known_facts(self, host: str, time: str) -> Mapping[str, Any] | None:
        known = self._facts.get(host)
        if known is None or known[0] != time:
            row = self._db.row("SELECT data FROM facts WHERE host=? AND time=?", (host, time))
            value = load(row["data"]) if row else None
            known = self._facts[host] = (time, value if isinstance(value, dict) else None)
        return known[1]

    def _with_eta(self, found: Sequence[Job], live: Mapping[Key, Live]) -> list[Job]:
        """The jobs, those that run with the time they will still take. One that is as it was stays the same object."""
        timed: dict[str, tuple[Job, float, Job]] = {}
        shown = []
        for job in found:
            now = live.get((job.id, job.attempt))
            left = seconds_left(now.pace, job.total_steps) if now and job.state == states.RUNNING else None
            if left is not None:
                before = self._timed.get(job.id)
                same = before is not None and before[0] is job and before[1] == left
                timed[job.id] = before if same and before else (job, left, replace(job, eta=left))
                job = timed[job.id][2]
            shown.append(job)
        self._timed = timed
        return shown


def _loads(known: Sequence[Job], live: Mapping[Key, Live]) -> dict[str, tuple[float, ...]]:
    """Per host the load of its jobs, the mean of those measured in the same half minute."""
    first = (clock.now().timestamp() - UTIL_SECONDS) // BIN_SECONDS
    found: dict[str, dict[int, list[float]]] = {}
    for job in known:
        now = live.get((job.id, job.attempt))
        for number, values in now.load.items() if now else ():
            if number > first:
                found.setdefault(job.host, {}).setdefault(number, []).extend(values)
    return {
        host: tuple(sum(values) / len(values) for _, values in sorted(bins.items())) for host, bins in found.items()
    }
