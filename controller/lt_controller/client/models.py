"""What the client gives back: frozen values. Times are aware datetimes in UTC, sizes bytes, durations seconds.

`as_dict` turns any of them into plain JSON values; that form is what `--json` prints, and its keys are a contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol import states

if TYPE_CHECKING:
    from lt_inventory.model import Host

#: Names of topics that `Client.changes` reports.
Change = frozenset[str]


@dataclass(frozen=True)
class Job:
    """A job as it is known on the laptop. Whether its host can be reached is the host's matter, not the job's."""

    id: str
    name: str
    host: str
    kind: str  # `recipe` or `command`
    state: str  # see lt_agent.protocol.states
    owner: str
    recipe: str | None = None  # the recipe's name, or the command's text
    method: str | None = None
    reason: str | None = None  # why it ended
    message: str | None = None  # the worker's own word on it
    pull_state: str = "none"  # none, pending, pulling, pulled, failed
    attempt: int = 1
    step: int | None = None
    total_steps: int | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    eta: float | None = None  # seconds to the last step, at the present speed; only where it was asked for

    @property
    def ended(self) -> bool:
        """It has an outcome: succeeded, failed, cancelled, timed_out or lost."""
        return self.state in states.ENDED

    @property
    def resting(self) -> bool:
        """Nothing of it runs or waits to run: it has ended, or is paused."""
        return self.state in states.RESTING


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
class LogChunk:
    """Log bytes exactly as the job printed them. Pass them through `lt_controller.display` before a terminal."""

    attempt: int
    offset: int  # of the first byte
    data: bytes

    @property
    def end(self) -> int:
        """The offset at which the next chunk begins."""
        return self.offset + len(self.data)


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
    kind: str  # checkpoint, final, files
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


def as_dict(value: Any) -> Any:
    """`value` and all in it as plain JSON values: times as ISO 8601 UTC, paths as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_dict(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): as_dict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_dict(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value
