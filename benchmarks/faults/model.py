"""What a row of the table is, and what comes of running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.faults.scene import Scene


class Skip(Exception):
    """The row can't be run here; the text says why."""


@dataclass(frozen=True)
class Row:
    """One fault. `inject` runs jobs, breaks something, mends it and waits for the end; the audit comes after it.

    `host` is what the jobs run on: `machine` (namespaces of its own, needs root), `sshd` (a private sshd on loopback)
    or `none`. `shortened` says where a clock was: that stands in the table.
    """

    name: str
    inject: Callable[[Scene], None]
    host: str = "machine"
    quick: bool = False
    shortened: str = ""
    options: dict[str, object] = field(default_factory=dict)  # of the machine: `disk_mb`, `extra`, `variables`


@dataclass(frozen=True)
class Family:
    """A page of the table. `promise` is what all of its rows hold."""

    name: str
    promise: str
    rows: tuple[Row, ...]


@dataclass
class Result:
    """What a row did: `injected` faults, `survived` of them, and what was `lost`, `doubled` or otherwise `wrong`."""

    family: str
    row: str
    injected: int = 0
    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""
    note: str = ""
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Nothing was lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong)

    @property
    def survived(self) -> int:
        """A row whose audit finds anything counts as one fault that was not survived."""
        return self.injected if self.good else max(0, self.injected - 1)
