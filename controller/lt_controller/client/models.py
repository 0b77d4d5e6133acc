"""What listings and logs are made of, and the JSON form of all values. Times are aware datetimes in UTC.

A dataclass takes about a millisecond to define, and a listing must be quick: what only some commands need is in
`details`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lt_agent.protocol import states

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
    adopted_by: str | None = None  # user@laptop: it goes on, but no longer from here
    priority: int = 0  # a higher one goes first on its host
    place: int | None = None  # in its host's line, 1 is next; while it waits there, and once the host has told
    waits: Mapping[str, Any] | None = None  # why it waits, as {code, params}: `lt_controller.wording.waits` says it
    retry_at: datetime | None = None  # a failed attempt was followed by one that starts no earlier

    @property
    def ended(self) -> bool:
        """It has an outcome: succeeded, failed, cancelled, timed_out or lost."""
        return self.state in states.ENDED

    @property
    def resting(self) -> bool:
        """Nothing of it runs or waits to run: it has ended, or is paused."""
        return self.state in states.RESTING


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
class Reachability:
    """How a host answers, apart from what its jobs do."""

    state: str  # unknown, connecting, reachable, unreachable, refused
    error: Mapping[str, Any] | None = None
    last_seen: datetime | None = None
    next_try_at: datetime | None = None
    activity: str | None = None


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
