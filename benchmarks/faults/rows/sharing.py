"""Two laptops on one host, and one home folder that two machines see."""

from __future__ import annotations

import os

from benchmarks.faults.audit import audit
from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene
from lt_controller.home import Home
from support.laptop import Laptop
from support.wait import until


def two_laptops(scene: Scene) -> None:
    """Each runs, follows and stops its own jobs, and leaves the other's alone."""
    mine = scene.start(lines=50, parts=1, gate="gate", pull=True)
    scene.running(mine)
    other = Laptop(scene.folder / "other home", scene.laptop.work)
    other.home.mkdir(mode=0o700)
    scene.later.callback(other.lt, "controller", "stop", code=None)
    with Home(other.home).known_hosts.open("wb") as file:
        file.write((scene.laptop.home / "known_hosts").read_bytes())
    other.add_host(scene.box.host)
    theirs = other.run("box", "python3", "work.py", "lines=30")
    scene.hit()
    scene.result.jobs += 1
    assert other.lt("stop", mine, code=None).returncode != 0, "stopped another laptop's job"
    assert scene.laptop.job(mine)["state"] == "running"
    scene.open_gate()
    scene.finish(mine, pulled=True)
    other.wait_by_command(theirs, "succeeded", timeout=LONG)
    for laptop, name in ((scene.laptop, mine), (other, theirs)):
        owned = [row["name"] for row in laptop.query("SELECT name FROM jobs WHERE owner=?", Home(laptop.home).owner())]
        assert owned == [name], owned
    until(lambda: os.path.exists(other.home / "runs" / theirs / ".lt"), LONG, "the other's record")
    audit(other, scene.roots, [], scene.result)


def shared_home(scene: Scene) -> None:
    """The second machine sees the first one's running job, dead supervisor and all, and judges nothing."""
    first = scene.machine("box")
    mine = scene.start(lines=50, gate="gate")
    scene.running(mine)
    exit_record = scene.attempt(mine) / "exit.json"
    scene.machine("second", disk=first.disk)
    scene.finish(scene.took(scene.laptop.run("second", "python3", "work.py", "lines=10")))
    scene.hit()
    assert not exit_record.exists() and scene.laptop.job(mine)["state"] == "running"

    first.power_off()  # now nothing of it lives, which the second machine can't know
    scene.finish(scene.took(scene.laptop.run("second", "python3", "work.py", "lines=10")))
    scene.hit()
    assert not exit_record.exists() and scene.laptop.job(mine)["state"] == "running"

    first.boot()
    row = scene.finish(mine, "lost")
    assert row["reason"] == "host_rebooted", row["reason"]
    scene.open_gate()
    scene.laptop.lt("resume", mine)
    scene.finish(mine)


FAMILY = Family(
    "sharing",
    "A laptop touches only its own jobs; a machine judges only its own.",
    (
        Row("two laptops on one host", two_laptops, host="sshd", quick=True),
        Row("a home on a shared disk seen by two machines", shared_home),
    ),
)
