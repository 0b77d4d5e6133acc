"""The whole fleet in one look: hosts, jobs, the latest samples and a short curve of each running job.

A screen asks once a second, so nothing is parsed twice: the inventory's file is read again when it has changed, a
probe's JSON when there is a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states

from . import clock
from .database import Reader, load, when
from .details import HostInfo
from .models import Job
from .queries import eta, jobs

if TYPE_CHECKING:
    from lt_inventory.model import Host

CURVE_POINTS = 32
UTIL_SECONDS = 600.0  # the sparkline of a host's load
_LIVE = (states.RUNNING, states.STOPPING)


@dataclass(frozen=True)
class Sample:
    """The newest value of something that is measured on a host."""

    value: float | None
    time: datetime | None


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

    def read(self) -> Fleet:
        """Everything as it is now. Raises LtError `hosts_file_invalid`, `database_unreadable`."""
        found = tuple(self._with_eta(job) for job in jobs(self._db, all=True))
        live = [job for job in found if job.state in _LIVE]
        curves = {job.id: curve for job in live if (curve := self._curve(job))}
        samples = {job.id: sample for job in live if (sample := latest_samples(self._db, job.id, job.attempt))}
        return Fleet(clock.now(), self.hosts(found), found, curves, samples, self._loads(live, samples))

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

    def _with_eta(self, job: Job) -> Job:
        from dataclasses import replace

        left = eta(self._db, job)
        return replace(job, eta=left) if left is not None else job

    def _curve(self, job: Job) -> tuple[float, ...]:
        rows = self._db.rows(
            "SELECT value FROM metrics WHERE job_id=? AND attempt=? AND name='loss' AND value IS NOT NULL"
            " ORDER BY step DESC LIMIT ?",
            (job.id, job.attempt, CURVE_POINTS),
        )
        return tuple(row["value"] for row in reversed(rows))

    def _loads(self, live: Sequence[Job], samples: Mapping[str, Mapping[str, Sample]]) -> dict[str, tuple[float, ...]]:
        """Per host the load of its jobs, the mean of those measured at about the same time."""
        now = clock.now()
        found: dict[str, dict[int, list[float]]] = {}
        for job in live:
            known = samples.get(job.id, {})
            name = "gpu0/util" if "gpu0/util" in known else "sys/cpu"
            newest = known.get(name)
            if newest is None or newest.time is None:
                continue
            since = (now - timedelta(seconds=UTIL_SECONDS)).isoformat()
            rows = self._db.rows(
                "SELECT value, time FROM metrics WHERE job_id=? AND attempt=? AND name=? AND value IS NOT NULL"
                " AND time>? ORDER BY step DESC LIMIT 60",
                (job.id, job.attempt, name, since),
            )
            bins = found.setdefault(job.host, {})
            for row in rows:
                at = when(row["time"])
                if at is not None:
                    bins.setdefault(int((now - at).total_seconds() // 30), []).append(min(100.0, row["value"]))
        return {
            host: tuple(sum(values) / len(values) for _, values in sorted(bins.items(), reverse=True))
            for host, bins in found.items()
        }


def latest_samples(db: Reader, job: str, attempt: int) -> dict[str, Sample]:
    """The newest value of every `sys/` and `gpu<i>/` name, by jumping through the index from name to name."""
    rows = db.rows(
        "WITH RECURSIVE names(name) AS ("
        " SELECT min(name) FROM metrics WHERE job_id=?1 AND attempt=?2 AND name >= 'gpu' AND name < 'sys0'"
        " UNION ALL SELECT (SELECT min(name) FROM metrics WHERE job_id=?1 AND attempt=?2 AND name > names.name"
        " AND name < 'sys0') FROM names WHERE names.name IS NOT NULL)"
        " SELECT m.name, m.value, m.time FROM names JOIN metrics m ON m.job_id=?1 AND m.attempt=?2"
        " AND m.name=names.name AND m.step=(SELECT max(step) FROM metrics WHERE job_id=?1 AND attempt=?2"
        " AND name=names.name) WHERE names.name IS NOT NULL",
        (job, attempt),
    )
    return {
        row["name"]: Sample(row["value"], when(row["time"]))
        for row in rows
        if row["name"].startswith(("gpu", "sys/")) and "/" in row["name"]
    }
