"""What is known of a job or host in detail: frozen values. Times are aware datetimes in UTC, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lt_inventory.model import Host
    from lt_inventory.placement import Rank

    from .models import Job


@dataclass(frozen=True)
class Attempt:
    """One try of a job on a host. A resume begins another."""

    attempt: int
    host: str
    state: str
    reason: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    log_size: int = 0  # bytes of its log that are at home
    exit: Mapping[str, Any] | None = None  # the host's exit record
    resume: Mapping[str, Any] | None = None  # the checkpoint it started from


@dataclass(frozen=True)
class MetricPoint:
    """One value. `step` counts optimizer steps; for `sys/` and `gpu<i>/` it is seconds since the attempt began."""

    attempt: int
    name: str
    step: int
    value: float | None  # None: NaN or infinite
    time: datetime | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened to a job; `lt_controller.wording.event` says it."""

    attempt: int
    code: str
    params: Mapping[str, Any]
    time: datetime | None
    host: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint (or finished model, or collected files), on the host and maybe at home."""

    attempt: int
    name: str
    kind: str  # checkpoint, final, files, trackers
    step: int | None
    metric: float | None
    best: bool
    resumable: bool
    size: int
    created_at: datetime | None
    host_state: str  # present, rotated
    pull_state: str  # none, pending, pulling, pulled, failed, skipped
    path: Path | None = None  # at home, once pulled
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Transfer:
    """Bytes on their way. `direction`: push or pull; `what`: the snapshot or checkpoint."""

    job: str | None
    host: str
    direction: str
    what: str
    done: int
    total: int
    files: int
    state: str
    started_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class HostInfo:
    """A host of the inventory with what is known of it."""

    host: Host
    state: str = "unknown"  # unknown, connecting, reachable, unreachable, refused
    error: Mapping[str, Any] | None = None
    last_seen: datetime | None = None
    next_try_at: datetime | None = None
    activity: str | None = None
    clock_offset: float | None = None
    facts: Mapping[str, Any] | None = None
    facts_time: datetime | None = None
    active: int = 0  # jobs of ours that run or wait there

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def gpus(self) -> list[Mapping[str, Any]]:
        """The GPUs by the latest probe."""
        found = (self.facts or {}).get("gpus")
        return [gpu for gpu in found if isinstance(gpu, dict)] if isinstance(found, list) else []


@dataclass(frozen=True)
class Sending:
    """A snapshot that a job needs on its host."""

    name: str
    digest: str
    files: int
    size: int
    there: bool  # on the host already: nothing will be sent
    source: Path
    skipped: tuple[tuple[str, str], ...] = ()  # (path, why it stays at home)


@dataclass(frozen=True)
class Plan:
    """What a submit would do; nothing has been written or sent."""

    host: str
    kind: str
    name: str
    gpus: int
    env: Mapping[str, Any]
    sends: tuple[Sending, ...]
    pull: str | None
    recipe: Mapping[str, Any] = field(default_factory=dict)  # resolved, with the laptop's paths
    argv: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ranking: tuple[Rank, ...] = ()  # of the hosts there was a choice of, the best first

    @property
    def size(self) -> int:
        """Bytes that would be sent at the most; rsync sends only what differs from earlier snapshots."""
        return sum(item.size for item in self.sends if not item.there)


@dataclass(frozen=True)
class Request:
    """Something asked of the controller. It is carried out when the host can be reached, also after a restart."""

    id: str
    kind: str
    job: str | None
    state: str  # pending, doing, done, failed
    error: Mapping[str, Any] | None = None

    @property
    def open(self) -> bool:
        return self.state in ("pending", "doing")


@dataclass(frozen=True)
class ControllerStatus:
    """Whether the background process runs, and what it says of itself."""

    running: bool
    pid: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OfferedKey:
    """The key that a host shows, not yet trusted. `fingerprint` as ssh prints it: `SHA256:…`."""

    fingerprint: str
    key_type: str
    line: str


@dataclass(frozen=True)
class Clearable:
    """Something of ours on a host's disk. `safe` where it may go; `why` is a code of `wording`'s `gc_…` phrases."""

    kind: str  # job, data, env, agent, leftover
    name: str  # a job's name where it is known
    detail: str
    size: int  # bytes
    safe: bool
    why: str
    ref: str = ""  # a job's id


@dataclass(frozen=True)
class LeaseWarning:
    """A lease that ends too early. Seconds; `needs` is None where nobody knows how long the job will take."""

    host: str
    until: datetime
    left: float  # 0 or less: it is over
    needs: float | None = None


@dataclass(frozen=True)
class UsagePoint:
    """A mean, in percent, of the stretch that begins at `time`. The older, the longer it is: 10 s to 1 h."""

    time: datetime
    value: float
    seconds: int


@dataclass(frozen=True)
class Stat:
    """What became of the jobs that were submitted in a time, on one host or by one recipe. Times are seconds.

    `success` is of those that ended by themselves: what a person stopped is neither. None: nothing to say it of.
    """

    host: str
    recipe: str
    jobs: int
    succeeded: int
    failed: int  # failed, lost or out of time
    stopped: int  # by a person
    live: int
    success: float | None
    waited: float | None  # from the submit to the first start, the median
    waited_long: float | None  # nine of ten waited no longer
    ran: float  # hours, of all attempts
    jobs_a_day: float | None  # that ended, by the days from the first submit to now
    steps_a_second: float | None  # the median of the jobs that log a loss
    tokens_a_second: float | None


@dataclass(frozen=True)
class Snapshot:
    """A data snapshot (or frozen code): what it was made from, and the hosts that have it."""

    name: str
    digest: str
    size: int
    files: int
    source: str | None
    created_at: datetime | None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Secret:
    """A name, and where its value would come from now."""

    name: str
    in_keyring: bool
    in_environment: bool


@dataclass(frozen=True)
class Leaving:
    """How far a host is from being free to go."""

    host: str
    alive: tuple[Job, ...] = ()  # jobs that run or wait there
    missing: tuple[tuple[Job, Checkpoint], ...] = ()  # on the host alone
    failed: tuple[tuple[Job, Checkpoint], ...] = ()  # of those, the ones whose pull has failed
    home: int = 0  # checkpoints at home, verified
    size: int = 0  # their bytes

    @property
    def may_go(self) -> bool:
        """Nothing of ours is on it that is not at home."""
        return not self.alive and not self.missing


@dataclass(frozen=True)
class HostPeriod:
    """A time in which neither the machine nor its terms changed. `till` is None for the one that holds.

    `data` has, as far as they are known: target, provider, price (per hour), until, closed; gpus (name, memory, count),
    accelerators, driver, cuda, cpu, cpus, memory, disk, system, container. Sizes in bytes.
    """

    host: str
    since: datetime
    till: datetime | None
    data: Mapping[str, Any]
    changed: tuple[str, ...] = ()  # what is another than in the period before

    @property
    def price(self) -> float | None:
        """Per hour; None where it is not known."""
        value = self.data.get("price")
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @property
    def until(self) -> datetime | None:
        """The end of the lease; None where none is known."""
        from lt_inventory.periods import moment

        return moment(self.data.get("until"))
