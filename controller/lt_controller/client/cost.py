"""What hours come to: the lines of `lt cost`, and the hours of a lease. Rules: `docs/cost.md`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lt_inventory.cost import Charge


@dataclass(frozen=True)
class CostLine:
    """Hours and money of one host, job, recipe or week, in the unit of the hosts' prices.

    A job's `hours` are its share of its hosts' hours. A sum is None where no hour of it has a known price; where only
    some have none, it is of the others, and `unpriced_hours` says how many are missing.
    """

    name: str
    jobs: int = 0
    ran_hours: float = 0.0  # how long they ran, each by itself
    hours: float = 0.0  # of hosts: two jobs side by side share an hour
    cost: float | None = 0.0
    idle_hours: float = 0.0  # rented, and nothing of ours ran
    idle_cost: float | None = 0.0
    total: float | None = 0.0
    unpriced_hours: float = 0.0
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class CostReport:
    """Lines by what was asked, in order of time or name, and their sum. `idle` is what is no job's, in it as well."""

    by: str
    since: datetime | None
    until: datetime
    lines: tuple[CostLine, ...]
    idle: CostLine | None  # beside jobs and recipes; hosts and weeks have their own in their lines
    total: CostLine


def line_of(
    name: str, *, busy: Charge | None = None, idle: Charge | None = None, hosts: tuple[str, ...] = ()
) -> CostLine:
    """The line of these hours."""
    busy, idle = busy or Charge(), idle or Charge()
    both = busy + idle
    return CostLine(
        name=name,
        hours=busy.hours,
        cost=busy.known,
        idle_hours=idle.hours,
        idle_cost=idle.known,
        total=both.known,
        unpriced_hours=both.unpriced,
        hosts=hosts,
    )


def summed(name: str, lines: Iterable[CostLine]) -> CostLine:
    """The lines' sums. Jobs are counted once for each line that names them."""
    lines = list(lines)

    def added(key: str) -> float | None:
        values = [value for line in lines if (value := getattr(line, key)) is not None]
        return sum(values) if values or not lines else None

    return CostLine(
        name=name,
        jobs=sum(line.jobs for line in lines),
        ran_hours=sum(line.ran_hours for line in lines),
        hours=sum(line.hours for line in lines),
        cost=added("cost"),
        idle_hours=sum(line.idle_hours for line in lines),
        idle_cost=added("idle_cost"),
        total=added("total"),
        unpriced_hours=sum(line.unpriced_hours for line in lines),
        hosts=tuple(sorted({host for line in lines for host in line.hosts})),
    )


def hours_left(until: datetime | None, now: datetime) -> float | None:
    """Hours until a lease ends, 0 if it has; None where no end is known."""
    return None if until is None else max(0.0, (until - now).total_seconds() / 3600)
