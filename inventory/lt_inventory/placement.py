"""Which host a job should go to: a pure ranking of what is known of each. No network, no clock of its own.

A host is *passed over*, with the reason, where the job could not run (too few GPUs, too little memory or disk, no way
to build its environment), or should not: it can't be reached, it is drained or retired, its lease ends too soon. The
others are ordered: those that could begin at once come first, then the shorter line, the cheaper hour, the data that is
there already, the environment that is there, the smaller GPU that is enough (so that the large one stays free for who
needs it), the longer lease, and the name, so that the order is total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .facts import Facts
from .model import Host

UNKNOWN_LENGTH = 1.0  # hours that a lease must last for a job of which nobody knows how long it takes


@dataclass(frozen=True)
class Need:
    """What a job asks of a host. Bytes and hours; None or 0: nothing is known or asked."""

    gpus: int = 0
    gpu_memory: int | None = None  # on each of them, as asked or as estimated
    cpus: int = 0
    disk: int = 0  # free under `root`, without what is to be sent
    hours: float | None = None


@dataclass(frozen=True)
class Standing:
    """What is known of one host at the moment of asking."""

    host: Host
    facts: Facts | None = None
    state: str = "unknown"  # reachable, unreachable, refused, …: how it answered last
    taken: int = 0  # slots (or GPUs) that jobs of ours hold there
    waiting: int = 0  # jobs of ours in its line
    to_send: int = 0  # bytes of the job's data that are not there
    has_env: bool = False  # the interpreter exists, nothing is to be built
    problem: str = ""  # the code of an error with which the job was refused for this host
    problem_params: Mapping[str, Any] = field(default_factory=dict)
    closed: str = ""  # `drained` or `retired` by a person


@dataclass(frozen=True)
class Rank:
    """A host's place in the ranking, and why. `passed_over` is the code of the reason, "" for a host that fits."""

    host: str
    passed_over: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    free: int = 0  # slots or GPUs that nothing of ours holds
    slots: int = 1
    line: int = 0
    memory: int | None = None  # bytes, of its smallest GPU
    price: float | None = None  # an hour
    hours_left: float | None = None
    to_send: int = 0
    has_env: bool = False
    at_once: bool = False  # it could begin now

    @property
    def fits(self) -> bool:
        """Whether the job may go there."""
        return not self.passed_over


def rank(need: Need, standings: Sequence[Standing], now: datetime) -> list[Rank]:
    """All of them, the best first; those that are passed over at the end. `now` has a time zone."""
    return sorted((_rank(need, standing, now) for standing in standings), key=_order)


def best(ranks: Sequence[Rank]) -> Rank | None:
    """The host to take; None where every one is passed over."""
    return next((found for found in ranks if found.fits), None)


def _rank(need: Need, standing: Standing, now: datetime) -> Rank:
    host, facts = standing.host, standing.facts
    gpus = facts.gpus if facts else ()
    slots = host.slots or max(1, len(gpus))
    free = max(0, slots - standing.taken)
    left = (host.until - now) / timedelta(hours=1) if host.until else None
    code, params = _passed_over(need, standing, slots, left)
    return Rank(
        host=host.name,
        passed_over=code,
        params=params,
        free=free,
        slots=slots,
        line=standing.waiting,
        memory=min((gpu.memory_total for gpu in gpus), default=None),
        price=host.price,
        hours_left=left,
        to_send=standing.to_send,
        has_env=standing.has_env,
        at_once=not code and not standing.waiting and free >= max(1, need.gpus) and _idle_gpus(standing) >= need.gpus,
    )


def _passed_over(need: Need, standing: Standing, slots: int, left: float | None) -> tuple[str, dict[str, Any]]:
    """Why the job can't or should not go there, the surest reason first; `("", {})` if it may."""
    facts = standing.facts
    if standing.closed:
        return f"host_{standing.closed}", {}
    if standing.state in ("unreachable", "refused"):
        return f"host_is_{standing.state}", {}
    if left is not None and left <= 0:
        return "lease_over", {}
    if standing.problem:
        return standing.problem, dict(standing.problem_params)
    if facts is None:
        return "host_never_seen", {}
    if max(1, need.gpus) > slots or need.gpus > len(facts.gpus):
        return "too_few_gpus", {"asked": need.gpus, "there": min(slots, len(facts.gpus))}
    enough = [gpu for gpu in facts.gpus if gpu.memory_total >= (need.gpu_memory or 0)]
    if need.gpus > len(enough):
        largest = max(gpu.memory_total for gpu in facts.gpus)
        return "gpu_too_small", {"asked": need.gpu_memory, "there": largest}
    if facts.cpus is not None and need.cpus > facts.cpus:
        return "too_few_cpus", {"asked": need.cpus, "there": facts.cpus}
    wanted = need.disk + standing.to_send
    if facts.disk is not None and facts.disk.free < wanted:
        return "disk_too_small", {"asked": wanted, "there": facts.disk.free}
    hours = UNKNOWN_LENGTH if need.hours is None else need.hours
    if left is not None and left < hours:
        return "lease_too_short", {"hours": round(hours, 1), "left": round(left, 1)}
    return "", {}


def _idle_gpus(standing: Standing) -> int:
    """GPUs that nobody else seems to use, by the last look: a foreign process shows as load or as memory."""
    if standing.facts is None:
        return 0
    busy = sum(1 for gpu in standing.facts.gpus if (gpu.util or 0) > 20 or gpu.memory_free < gpu.memory_total * 0.8)
    ours = min(standing.taken, len(standing.facts.gpus))
    return len(standing.facts.gpus) - max(busy, ours)


def _order(found: Rank) -> tuple[Any, ...]:
    left = float("-inf") if found.hours_left is None else -found.hours_left
    return (
        not found.fits,
        not found.at_once,
        found.line / found.slots,
        float("inf") if found.price is None else found.price,
        found.to_send,
        not found.has_env,
        found.memory or 0,
        left,
        found.host,
    )
