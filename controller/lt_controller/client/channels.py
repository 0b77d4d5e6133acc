"""Who is told, and what was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class NotifyChannel:
    """A channel of `config.toml`, and what came of it. Never an address or a key."""

    name: str
    to: str
    on: tuple[str, ...]
    only: Mapping[str, tuple[str, ...]]  # the patterns that hosts, recipes and jobs have to fit
    secrets: tuple[str, ...]  # names
    pending: int = 0  # what is still to be told
    last_sent: datetime | None = None
    error: Mapping[str, Any] | None = None  # of the newest that could not be told, if nothing was told since


@dataclass(frozen=True)
class Delivery:
    """Something that was told by a channel, or is to be told."""

    time: datetime | None  # when it happened
    kind: str
    text: str
    job: str
    host: str
    channel: str
    state: str  # pending, sent, failed, dropped
    tries: int
    due_at: datetime | None
    done_at: datetime | None
    error: Mapping[str, Any] | None
