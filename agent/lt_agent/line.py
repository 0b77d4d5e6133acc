"""The line of a machine: who is next, who may start now, and why the others wait. Pure functions of what is known.

`docs/queue.md` has the rules in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DAY = 86400.0  # seconds of earlier arrival that a point of priority is worth: so nobody waits for ever
MOST_PRIORITY = 100
LONGEST_PAUSE = 2 * DAY  # a retry that is further away than this is due: a clock has jumped


@dataclass(frozen=True)
class Wish:
    """What a waiting attempt asks for. `key` names its ticket; `user` is whose it is, by the ticket's folder."""

    key: str
    user: int = 0
    arrived: float = 0.0  # seconds since the epoch, by its own word: it counts among its user's jobs only
    seen: float = 0.0  # when the kernel says that the ticket was written: it counts between users
    priority: int = 0
    gpus: int = 0
    gpu_memory: int = 0  # bytes that each GPU must have
    cpus: int = 0
    disk: int = 0  # bytes that must be free
    not_before: float = 0.0
    again: Mapping[str, Any] = field(default_factory=dict, compare=False)  # of a retry: {reason, try, tries}


@dataclass(frozen=True)
class Machine:
    """What there is to be had, free or not. `gpus`: id → bytes of memory (0: not known); `shares`: jobs per GPU.

    `slots` is how many jobs run at once: of any kind where `capped`, else of those that want no GPU.
    """

    slots: int = 1
    gpus: Mapping[str, int] = field(default_factory=dict)
    shares: int = 1
    capped: bool = True
    cpus: int = 1
    disk: int = 0

    def slots_for(self, wish: Wish) -> int:
        """The slots that a job takes beside its GPUs."""
        if not self.gpus or self.capped:
            return max(1, wish.gpus)
        return 0 if wish.gpus else 1

    def suiting(self, wish: Wish) -> list[str]:
        """The GPUs large enough for it, the smallest first; one whose memory nobody knows suits any wish."""
        fit = [gpu for gpu, memory in self.gpus.items() if not memory or memory >= wish.gpu_memory]
        return sorted(fit, key=lambda gpu: self.gpus[gpu])


@dataclass(frozen=True)
class Free:
    """What is free at this moment. `gpus`: id → free shares; `foreign`: GPUs that other programs use."""

    slots: int = 0
    gpus: Mapping[str, int] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    cpus: int = 1 << 30
    disk: int = 1 << 62


@dataclass(frozen=True)
class Verdict:
    """Of one wish: `gpus` and `slots` to grant if it `starts`; else its place in line, and a code that says why."""

    wish: Wish
    starts: bool = False
    gpus: tuple[str, ...] = ()
    slots: int = 0
    place: int | None = None
    code: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


def order(wishes: Iterable[Wish], now: float) -> list[Wish]:
    """The line: priority first, then age; a point of priority counts as a day's earlier arrival.

    Among several users each one's first come first, then each one's second, and so on; in a round, whoever's ticket
    is the oldest by the kernel's word. So neither a priority nor a date that somebody has made up helps against others.
    """
    queues: dict[int, list[Wish]] = {}
    for wish in wishes:
        queues.setdefault(wish.user, []).append(wish)
    ranked: list[tuple[int, float, int, Wish]] = []
    for user, queue in queues.items():
        queue.sort(key=lambda wish: (_rank(wish, now), wish.key))
        # Which of a user's tickets is written when is that user's to choose; how many there were by then is not.
        seen = sorted(wish.seen for wish in queue)
        ranked += [(turn, seen[turn], user, wish) for turn, wish in enumerate(queue)]
    return [item[3] for item in sorted(ranked, key=lambda item: item[:3])]


def impossible(wish: Wish, machine: Machine) -> tuple[str, dict[str, Any]] | None:
    """Why the machine can never grant the wish, as a reason and its parameters; None if it can."""
    if wish.gpus > len(machine.gpus) and machine.gpus:
        return "not_enough_gpus", {"asked": wish.gpus, "there": len(machine.gpus)}
    if machine.slots_for(wish) > machine.slots:
        return "not_enough_slots", {"asked": machine.slots_for(wish), "slots": machine.slots}
    if machine.gpus and wish.gpus > len(machine.suiting(wish)):
        most = max(machine.gpus.values())
        return "not_enough_gpu_memory", {"wanted": wish.gpus, "asked": wish.gpu_memory, "there": most}
    if wish.cpus > machine.cpus:
        return "not_enough_cpus", {"asked": wish.cpus, "there": machine.cpus}
    if wish.disk and wish.disk > machine.disk > 0:
        return "not_enough_disk", {"asked": wish.disk, "there": machine.disk}
    return None


def decide(line: Sequence[Wish], machine: Machine, free: Free, now: float) -> list[Verdict]:
    """Who starts, in the order of the line, and why the others wait.

    What a waiting job needs is kept for it: a later one starts only on what none before it can use, so that small
    jobs never starve a large one. One that waits for the disk, or for a program that is not ours, keeps nothing:
    nobody knows when that ends.
    """
    verdicts = []
    left, open_ = _Left(machine, free), _Left(machine, free)
    waiting = 0
    users: list[int] = []
    for wish in line:
        pause = wish.not_before - now
        if 0 < pause < LONGEST_PAUSE:
            verdicts.append(Verdict(wish, code="retry", params={**wish.again, "at": wish.not_before}))
            continue
        if left.lack(wish) is None:
            gpus = left.take(wish)
            open_.take(wish, gpus)
            verdicts.append(Verdict(wish, True, gpus, machine.slots_for(wish)))
            continue
        lack = open_.lack(wish)
        if lack is None or lack[0] not in ("disk", "foreign"):
            left.keep(wish)
        waiting += 1
        if waiting > 1 and (lack is None or lack[0] in ("slot", "gpus")):
            lack = "turn", {"ahead": waiting - 1}
            others = sum(1 for user in users if user != wish.user)
            if others:
                lack[1]["others"] = others
        users.append(wish.user)
        code, params = lack or ("turn", {"ahead": waiting - 1})
        verdicts.append(Verdict(wish, place=waiting, code=code, params=params))
    return verdicts


class _Left:
    """What is still to be given away while the line is walked."""

    def __init__(self, machine: Machine, free: Free) -> None:
        self._machine = machine
        self._free = free
        self._slots = free.slots
        self._gpus = {gpu: count for gpu, count in free.gpus.items() if count > 0 and gpu not in free.foreign}
        self._cpus = free.cpus
        self._disk = free.disk

    def lack(self, wish: Wish) -> tuple[str, dict[str, Any]] | None:
        """What is missing for it, or None."""
        machine, free = self._machine, self._free
        if machine.gpus and wish.gpus > sum(1 for gpu in self._gpus if self._suits(gpu, wish)):
            return self._lacks_gpus(wish)
        if machine.slots_for(wish) > self._slots:
            return "slot", {"there": machine.slots}
        if wish.cpus > self._cpus:
            return "cpus", {"wanted": wish.cpus, "free": max(0, free.cpus), "there": machine.cpus}
        if wish.disk > self._disk:
            return "disk", {"wanted": wish.disk, "free": max(0, free.disk)}
        return None

    def take(self, wish: Wish, gpus: Sequence[str] | None = None) -> tuple[str, ...]:
        """Takes what it asks for; the GPUs."""
        machine = self._machine
        if gpus is None:
            # One that nobody uses first, then the smallest that will do: the large ones are for those who need them.
            suiting = [gpu for gpu in machine.suiting(wish) if gpu in self._gpus]
            suiting.sort(key=lambda gpu: -self._gpus[gpu])
            gpus = suiting[: wish.gpus] if machine.gpus else []
        for gpu in gpus:
            count = self._gpus.get(gpu, 0) - 1
            if count > 0:
                self._gpus[gpu] = count
            else:
                self._gpus.pop(gpu, None)
        self._slots -= machine.slots_for(wish)
        self._cpus -= wish.cpus
        return tuple(gpus)

    def keep(self, wish: Wish) -> None:
        """Leaves to those behind it nothing that it needs: what there is of what is short, its part of the rest."""
        self.take(wish)
        self._slots, self._cpus = max(0, self._slots), max(0, self._cpus)

    def _suits(self, gpu: str, wish: Wish) -> bool:
        memory = self._machine.gpus.get(gpu, 0)
        return not memory or memory >= wish.gpu_memory

    def _lacks_gpus(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        suiting = self._machine.suiting(wish)
        unused = [gpu for gpu in suiting if self._free.gpus.get(gpu, 0) > 0]
        held = [gpu for gpu in unused if gpu in self._free.foreign]
        if held and len(unused) >= wish.gpus:
            return "foreign", {"wanted": wish.gpus, "gpus": held}
        free = len(unused) - len(held)
        if wish.gpu_memory and len(suiting) < len(self._machine.gpus):
            return "gpu_memory", {"wanted": wish.gpus, "memory": wish.gpu_memory, "free": free}
        return "gpus", {"wanted": wish.gpus, "free": free, "there": len(self._machine.gpus)}


def _rank(wish: Wish, now: float) -> float:
    priority = max(-MOST_PRIORITY, min(MOST_PRIORITY, wish.priority))
    return min(wish.arrived, now) - priority * DAY
