"""What an sshd allows: few sessions on a connection, few connections that have not logged in yet."""

from __future__ import annotations

import os
import signal
import socket

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import Scene, wait
from support.machine import PORT
from support.wait import until


def one_session(scene: Scene) -> None:
    """One channel a connection: the bridge has it, and whatever else is wanted has to do without."""
    names = [scene.start(lines=50, parts=1, pull=True) for _ in range(3)]
    scene.laptop.lt("host", "check", "box", code=None)
    scene.hit()
    for name in names:
        scene.finish(name, pulled=True)


def startups(scene: Scene) -> None:
    """Strangers hold every place for a login; a running job is cut off meanwhile and can't be reached again at once."""
    machine = scene.is_machine
    name = scene.start(lines=50, parts=1, gate="gate", pull=True)
    scene.running(name)
    ours = machine.sshd.sessions()
    strangers = [socket.create_connection((machine.address, PORT), timeout=10) for _ in range(4)]
    for pid in ours:
        os.kill(pid, signal.SIGKILL)
    until(lambda: scene.state_of_host() in ("unreachable", "refused"), 60, "the host is out of reach")
    scene.hit()
    assert scene.laptop.job(name)["state"] == "running"
    wait(5.0)
    for stranger in strangers:
        stranger.close()
    scene.open_gate()
    scene.finish(name, pulled=True)


FAMILY = Family(
    "limits",
    "What an sshd refuses is tried again later, and is no job's end.",
    (
        Row("MaxSessions 1", one_session, options={"extra": ("MaxSessions 1",)}),
        Row(
            "MaxStartups reached by strangers",
            startups,
            options={"extra": ("MaxStartups 2:100:2", "LoginGraceTime 120")},
        ),
    ),
)
