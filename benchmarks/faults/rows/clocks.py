"""Clocks that are wrong, and clocks that jump."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import Scene
from benchmarks.faults.shim import Shim

DAY = 86400


def off(scene: Scene, seconds: int) -> None:
    """The host's clock is wrong all the time; the times shown are the laptop's."""
    shim = Shim(scene)
    shim.set_clock(seconds)
    shim.machine(scene)
    name = scene.start(lines=50, parts=2, pull=True)
    scene.hit()
    row = scene.finish(name, pulled=True)
    began = datetime.fromisoformat(row["started_at"].replace("Z", "+00:00"))
    assert abs((datetime.now(timezone.utc) - began).total_seconds()) < DAY / 2, f"shown as started at {began}"


def jumping(scene: Scene) -> None:
    """It jumps back and forth while the job runs, is pulled, and another one waits."""
    shim = Shim(scene)
    shim.set_clock(0)
    shim.machine(scene)
    first = scene.start(lines=100, parts=2, gate="gate", pull=True)
    second = scene.start(lines=20)
    scene.running(first)
    for seconds in (DAY, -DAY, 3600, -30, 0):
        shim.set_clock(seconds)
        scene.hit()
        lines = scene.laptop.log(first).count(b"\n")
        scene.running(first, lines + 20)
    scene.open_gate()
    scene.finish(first, pulled=True)
    scene.finish(second)


FAMILY = Family(
    "clocks",
    "Order is by sequence numbers, waits are by the monotonic clock; times are shown as the laptop's. The clock is "
    "changed for every process of the host by `benchmarks/faults/shim.c`; the times of files stay the kernel's.",
    (
        Row("host's clock a day ahead", partial(off, seconds=DAY)),
        Row("host's clock a day behind", partial(off, seconds=-DAY)),
        Row("host's clock jumping", jumping),
    ),
)
