"""Slots of a machine, as flocks: a lease lives as long as any process that inherited its descriptor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import locks
from .machine import open_lease_dir
from .protocol.files import read_json, write_json
from .protocol.paths import LeaseDir


@dataclass(frozen=True)
class Slots:
    """How many jobs may run at once, and the GPU (by UUID) that goes with each slot."""

    slots: int = 1
    gpus: tuple[str, ...] = ()
    known: bool = False  # somebody wrote them; otherwise they are the default

    def gpus_of(self, granted: Sequence[int]) -> tuple[str, ...]:
        """The GPUs of these slots, each once. More slots than GPUs share them in turn."""
        if not self.gpus:
            return ()
        return tuple(dict.fromkeys(self.gpus[slot % len(self.gpus)] for slot in granted))


@dataclass(frozen=True)
class Grant:
    """Leases held: slot numbers and the descriptors that hold them."""

    slots: tuple[int, ...] = ()
    fds: tuple[int, ...] = field(default=(), compare=False)

    def close(self) -> None:
        """Lets go of this process's copies; who inherited them still holds the leases."""
        for fd in self.fds:
            os.close(fd)


def write_slots(lease: LeaseDir, slots: int, gpu_uuids: Sequence[str]) -> None:
    """Sets how many slots the machine has; running jobs keep what they hold."""
    open_lease_dir(lease)
    wanted = {"slots": max(1, int(slots)), "gpus": [str(uuid) for uuid in gpu_uuids]}
    if read_json(_file(lease)) != wanted:
        write_json(_file(lease), wanted)


def read_slots(lease: LeaseDir) -> Slots:
    """The machine's slots; one, without a GPU, where nobody has said."""
    try:
        value = read_json(_file(lease))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Slots()
    gpus = value.get("gpus")
    count = value.get("slots")
    return Slots(
        max(1, count) if isinstance(count, int) else 1,
        tuple(str(uuid) for uuid in gpus) if isinstance(gpus, list) else (),
        True,
    )


def try_take(lease: LeaseDir, count: int, slots: int) -> Grant | None:
    """`count` of the leases 0 … `slots`-1, or None if so many are not free. The descriptors are closed by exec."""
    taken: list[tuple[int, int]] = []
    for slot in range(slots):
        if len(taken) == count:
            break
        fd = locks.try_lock(lease_file(lease, slot))
        if fd is not None:
            taken.append((slot, fd))
    grant = Grant(tuple(slot for slot, _ in taken), tuple(fd for _, fd in taken))
    if len(taken) < count:
        grant.close()
        return None
    return grant


def lease_file(lease: LeaseDir, slot: int) -> Path:
    """The file whose flock is the lease of a slot."""
    return lease.leases / f"slot-{slot}"


def _file(lease: LeaseDir) -> Path:
    return lease.path / "slots.json"
