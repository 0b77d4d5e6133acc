"""The link between laptop and host: down, slow, lossy, half-open; the host's sshd restarted; the laptop asleep."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psutil

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene, wait
from support.machine import PORT, Machine
from support.relay import Relay
from support.wait import until

RATE = 3e6  # bytes a second: slow enough that a fault meets a transfer
BLOB = 12_000_000  # bytes
HALF_OPEN = 45.0  # seconds: the link takes 25 of them to find out
ASLEEP = 75.0  # seconds: longer than every timer of either side (the bridge gives up a silent laptop after 60)
OUTAGES = (
    (1.0, "1 s", ""),
    (60.0, "60 s", ""),
    (120.0, "10 min", "as 120 s: longer than every timer but the retries'"),
)

Break = Callable[[Machine, Relay], Iterator[None]]


def during(
    scene: Scene, phase: str, broken: Callable[[Machine, Relay], contextlib.AbstractContextManager[None]]
) -> None:
    """Runs a job over a slow link, which is broken in `phase` (staging, running, pulling) and mended again."""
    machine = scene.machine(known=False)
    relay = Relay(PORT, address=machine.address, rate=RATE)
    scene.later.callback(relay.close)
    machine.known_in(scene.home, "127.0.0.1", relay.port)
    scene.laptop.add_host(machine.host_at("127.0.0.1", relay.port))
    if phase == "staging":
        warm = scene.start(lines=1)  # so that what is cut is this job's transfer and not the agent's
        scene.finish(warm)
        (scene.laptop.work / "blob").write_bytes(_random(BLOB))
    name = scene.start(
        lines=40, gate="gate", **({"parts": 3, "size": BLOB // 3} if phase == "pulling" else {}), pull=True
    )
    if phase == "staging":
        until(lambda: _moving(scene, "push", name), LONG, "the transfer to the host")
    elif phase == "running":
        scene.running(name)
    else:
        scene.running(name)
        scene.open_gate()
        until(lambda: _moving(scene, "pull", name), LONG, "the transfer home")
    with broken(machine, relay):
        scene.hit()
    scene.open_gate()
    relay.rate = None
    scene.finish(name, timeout=2 * LONG, pulled=phase == "pulling")


def unplugged(machine: Machine, relay: Relay, seconds: float) -> contextlib.AbstractContextManager[None]:
    """The host's network link down: every packet is lost, and nobody says so."""

    @contextmanager
    def broken() -> Iterator[None]:
        machine.unplug()
        yield
        wait(seconds)
        machine.plug()

    return broken()


def silenced(machine: Machine, relay: Relay) -> contextlib.AbstractContextManager[None]:
    """Half-open: both ends believe in the connection, and nothing comes through."""

    @contextmanager
    def broken() -> Iterator[None]:
        relay.silence()
        yield
        wait(HALF_OPEN)
        relay.heal()

    return broken()


def restarted(machine: Machine, relay: Relay) -> contextlib.AbstractContextManager[None]:
    """The host's sshd stopped, with all its connections, and started again."""

    @contextmanager
    def broken() -> Iterator[None]:
        machine.sshd.stop()
        yield
        wait(3.0)
        machine.sshd.start(PORT)

    return broken()


def lossy(scene: Scene) -> None:
    """A whole job over 200 ms of round trip and 5 % of packets lost."""
    machine = scene.machine(known=False)
    relay = Relay(PORT, address=machine.address, latency=0.1, loss=0.05)
    scene.later.callback(relay.close)
    machine.known_in(scene.home, "127.0.0.1", relay.port)
    scene.laptop.add_host(machine.host_at("127.0.0.1", relay.port))
    name = scene.start(lines=200, parts=3, size=300_000, pull=True)
    scene.hit()
    scene.finish(name, timeout=3 * LONG, pulled=True)


def asleep(scene: Scene) -> None:
    """The laptop's lid closed: everything of lt stands still while the job goes on and ends."""
    name = scene.start(lines=100, parts=2, gate="gate", pull=True)
    scene.running(name)
    sleeping = scene.laptop.processes()
    for process in sleeping:
        process.suspend()
    scene.hit()
    scene.open_gate()
    exit_record = scene.attempt(name) / "exit.json"
    until(exit_record.exists, LONG, "the job ends with nobody watching")
    wait(ASLEEP)
    for process in sleeping:
        with contextlib.suppress(psutil.Error):
            process.resume()
    scene.finish(name, pulled=True)


def _moving(scene: Scene, direction: str, name: str) -> bool:
    job = scene.laptop.job(name).get("id")
    query = "SELECT done FROM transfers WHERE job_id=? AND direction=? AND state='running' AND done > 0"
    return any(row["done"] for row in scene.laptop.query(query, job, direction))


def _random(size: int) -> bytes:
    import os

    return os.urandom(size)


PHASES = ("staging", "running", "pulling")
FAMILY = Family(
    "links",
    "An unreachable host is not a dead job: the job goes on, everything catches up. The host is a machine of its own; "
    "what is slow or lossy is a relay in user space, and a lost packet is a wait until TCP would have sent it again.",
    (
        *(
            Row(
                f"link down {told} while {phase}",
                partial(during, phase=phase, broken=partial(unplugged, seconds=s)),
                shortened=note,
            )
            for s, told, note in OUTAGES
            for phase in PHASES
        ),
        *(Row(f"half-open link while {phase}", partial(during, phase=phase, broken=silenced)) for phase in PHASES),
        *(Row(f"sshd restarted while {phase}", partial(during, phase=phase, broken=restarted)) for phase in PHASES),
        Row("200 ms round trip, 5 % of packets lost", lossy),
        Row("laptop asleep over a weekend", asleep, shortened="as 75 s: longer than every timer"),
    ),
)
