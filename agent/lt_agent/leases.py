"""Slots and GPUs of a machine, as flocks: a lease lives as long as any process that inherited its descriptor."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import locks
from .line import Free, Machine
from .machine import open_lease_dir
from .protocol.files import read_json, write_json
from .protocol.paths import LeaseDir

_NOTE_LIMIT = 4096  # bytes of a lease's note that are read
_PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,80}\Z")


@dataclass(frozen=True)
class Slots:
    """How many jobs may run at once, and the machine's GPUs by UUID (others than NVIDIA's by kind and index).

    `capped`: a person has set the number; else it is what the GPUs make it, and jobs without a GPU are counted apart.
    """

    slots: int = 1
    gpus: tuple[str, ...] = ()
    known: bool = False  # somebody wrote them; otherwise they are the default
    capped: bool = True
    memory: Mapping[str, int] = field(default_factory=dict)  # bytes by GPU, where known

    def gpus_of(self, granted: Sequence[int]) -> tuple[str, ...]:
        """The GPUs of these slots, each once, as agents before GPU leases counted them."""
        if not self.gpus:
            return ()
        return tuple(dict.fromkeys(self.gpus[slot % len(self.gpus)] for slot in granted))

    @property
    def shares(self) -> int:
        """Jobs that may share a GPU: more than one where a person has set more slots than there are GPUs."""
        return max(1, -(-self.slots // len(self.gpus))) if self.gpus and self.capped else 1

    def machine(self, disk: int = 0) -> Machine:
        """What there is, for the line."""
        memory = {gpu: self.memory.get(gpu, 0) for gpu in self.gpus}
        return Machine(self.slots, memory, self.shares, self.capped, cores(), disk)


@dataclass(frozen=True)
class Grant:
    """Leases held: slot numbers, GPUs, and the descriptors that hold them."""

    slots: tuple[int, ...] = ()
    fds: tuple[int, ...] = field(default=(), compare=False)
    gpus: tuple[str, ...] = ()

    def close(self) -> None:
        """Lets go of this process's copies; who inherited them still holds the leases."""
        for fd in self.fds:
            os.close(fd)


def write_slots(
    lease: LeaseDir,
    slots: int,
    gpu_uuids: Sequence[str],
    *,
    capped: bool = True,
    memory: Mapping[str, int] | None = None,
) -> None:
    """Sets how many slots the machine has; running jobs keep what they hold."""
    open_lease_dir(lease)
    wanted = {
        "slots": max(1, int(slots)),
        "gpus": [str(uuid) for uuid in gpu_uuids],
        "capped": capped,
        "memory": dict(memory or {}),
    }
    if read_json(lease.slots) != wanted:
        write_json(lease.slots, wanted)


def read_slots(lease: LeaseDir) -> Slots:
    """The machine's slots; one, without a GPU, where nobody has said."""
    try:
        value = read_json(lease.slots)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Slots()
    gpus, count, memory = value.get("gpus"), value.get("slots"), value.get("memory")
    return Slots(
        max(1, count) if isinstance(count, int) else 1,
        tuple(str(uuid) for uuid in gpus) if isinstance(gpus, list) else (),
        True,
        value.get("capped") is not False,
        {str(k): v for k, v in memory.items() if isinstance(v, int)} if isinstance(memory, dict) else {},
    )


def try_take(lease: LeaseDir, count: int, slots: int, gpus: Sequence[str] = (), shares: int = 1) -> Grant | None:
    """`count` of the slots 0 … `slots`-1 and a share of each of `gpus`, or None if not all are to be had.

    The descriptors are closed by exec.
    """
    taken: list[tuple[int, int]] = []
    held: list[int] = []
    for slot in range(slots):
        if len(taken) == count:
            break
        fd = _try(lease, lease_file(lease, slot))
        if fd is not None:
            taken.append((slot, fd))
    for gpu in gpus:
        fd = next((fd for share in range(shares) if (fd := _try(lease, gpu_file(lease, gpu, share))) is not None), None)
        if fd is not None:
            held.append(fd)
    grant = Grant(tuple(slot for slot, _ in taken), (*(fd for _, fd in taken), *held), tuple(gpus))
    if len(taken) < count or len(held) < len(gpus):
        grant.close()
        return None
    return grant


def annotate(grant: Grant, **note: Any) -> None:
    """Writes into the leases what is held beside them (cores), so that every dispatcher can count it."""
    for number, fd in enumerate(grant.fds):
        with contextlib.suppress(OSError):  # a full disk: no core is counted, no job fails of it
            os.ftruncate(fd, 0)
            if number == 0:
                os.pwrite(fd, json.dumps(note).encode(), 0)


def survey(lease: LeaseDir, slots: Slots, foreign: frozenset[str], disk: int, *, count_cores: bool) -> Free:
    """What is free at this moment. Cores are only counted if somebody wants to know: each lease's note is read."""
    free_slots = sum(1 for slot in range(slots.slots) if not _held(lease_file(lease, slot)))
    gpus = {
        gpu: sum(1 for share in range(slots.shares) if not _held(gpu_file(lease, gpu, share))) for gpu in slots.gpus
    }
    cpus = cores() - sum(note.get("cpus", 0) for note in notes(lease)) if count_cores else 1 << 30
    return Free(free_slots, gpus, foreign, cpus, disk)


def notes(lease: LeaseDir) -> Iterator[dict[str, int]]:
    """The numbers noted in the leases that are held. Another user may have written anything: it is bounded here."""
    with contextlib.suppress(OSError):
        for entry in sorted(os.scandir(lease.leases), key=lambda entry: entry.name)[:4096]:
            if not entry.is_file(follow_symlinks=False) or not entry.stat(follow_symlinks=False).st_size:
                continue
            path = Path(entry.path)
            if _held(path):
                with contextlib.suppress(OSError, ValueError):
                    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                    try:
                        value = json.loads(os.pread(fd, _NOTE_LIMIT, 0))
                    finally:
                        os.close(fd)
                    cpus = value.get("cpus") if isinstance(value, dict) else None
                    if isinstance(cpus, int) and 0 < cpus <= 1 << 16:
                        yield {"cpus": cpus}


def cores() -> int:
    """The processor cores that this machine lets us use."""
    found = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError, IndexError), open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
        quota, period = file.read().split()[:2]
        if quota != "max":
            found = min(found, max(1, int(quota) // int(period)))
    return max(1, found)


def lease_file(lease: LeaseDir, slot: int) -> Path:
    """The file whose flock is the lease of a slot."""
    return lease.leases / f"slot-{slot}"


def gpu_file(lease: LeaseDir, gpu: str, share: int = 0) -> Path:
    """The file whose flock is the lease of a GPU, or of one more share of it."""
    name = gpu if _PLAIN.match(gpu) else gpu.encode("utf-8", "replace").hex()[:80]
    return lease.leases / (f"gpu-{name}" + (f".{share}" if share else ""))


def _try(lease: LeaseDir, path: Path) -> int | None:
    try:
        return locks.try_lock(path, mode=0o660 if lease.shared else 0o600)
    except OSError:  # another user's doing, in a shared folder: what can't be locked can't be had
        return None


def _held(path: Path) -> bool:
    try:
        return locks.is_locked(path)
    except OSError:
        return True
