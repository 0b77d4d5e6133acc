"""What a rebuilding of the database found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class OtherJob:
    """Another laptop's job on one of our hosts, as it was `seen_at`. It is shown, and otherwise left alone."""

    id: str
    name: str
    host: str
    owner: str  # the id of its LT_HOME
    by: str  # its person, user@laptop
    kind: str
    state: str
    reason: str | None
    attempt: int
    seen_at: datetime | None


@dataclass(frozen=True)
class Homecoming:
    """What was read from the files at home. `aside` is where a damaged database went; `bad` are (path, why)."""

    jobs: int = 0
    fresh: int = 0  # of them new to the database
    checkpoints: int = 0  # at home, each hash as it should be
    sweeps: int = 0  # new to the database, and at rest
    pipelines: int = 0
    aside: str | None = None
    bad: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Recovered:
    """What a host had: `found` jobs of ours, `fresh` (ids) new here, `others` of other laptops; `wrong` was refused."""

    found: int = 0
    fresh: tuple[str, ...] = ()
    others: int = 0
    wrong: tuple[dict[str, Any], ...] = field(default=())
