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
