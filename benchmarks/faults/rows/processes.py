"""One process dies, freezes or runs away."""

from __future__ import annotations

import signal

import psutil

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene
from support.wait import until

# Its child leaves the session, the group and the parent, and does not listen to SIGTERM.
RUNAWAY = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.chdir("/")
        time.sleep(3600)
    os._exit(0)
print("the parent leaves", flush=True)
"""


def supervisor_killed(scene: Scene) -> None:
    """Its job is ended, proved dead and called lost; resumed, it goes on."""
    name = scene.start(lines=20, gate="gate")
    scene.running(name)
    scene.supervisor(name).kill()
    scene.hit()
    row = scene.finish(name, "lost")
    assert row["reason"] == "supervisor_killed", row["reason"]
    scene.open_gate()
    scene.laptop.lt("resume", name)
    scene.finish(name)


def bridge_killed(scene: Scene) -> None:
    """Three times in one job; nobody but the controller notices."""
    name = scene.start(lines=100, parts=2, gate="gate", pull=True)
    for _ in range(3):
        before = len(scene.laptop.log(name))
        until(lambda b=before: len(scene.laptop.log(name)) > b, LONG, "the log grows")  # type: ignore[misc]
        for process in until(lambda: scene.agents("bridge"), LONG, "a bridge"):
            process.kill()
        scene.hit()
    scene.open_gate()
    scene.finish(name, pulled=True)


def dispatcher_killed(scene: Scene) -> None:
    """With one job running and one waiting for its slot: the first goes on, the second still gets its turn."""
    first = scene.start(lines=20, gate="gate")
    scene.running(first)
    second = scene.start(lines=20)
    scene.laptop.wait_state(second, "waiting", timeout=LONG)
    supervisor = scene.supervisor(first).pid
    for process in scene.agents("dispatch"):
        if process.pid != supervisor:
            process.kill()
    scene.hit()
    scene.open_gate()
    scene.finish(first)
    scene.finish(second)


def worker_killed(scene: Scene) -> None:
    """By the kernel, say: the job has failed, by a signal, and says so."""
    name = scene.start(lines=20, gate="gate")
    scene.running(name)
    scene.process_of(name, "work.py").send_signal(signal.SIGKILL)
    scene.hit()
    row = scene.finish(name, "failed")
    assert row["reason"] in ("signal", "oom"), row["reason"]


def worker_frozen(scene: Scene) -> None:
    """It is not called ended while it stands still; thawed, it goes on."""
    name = scene.start(lines=100, gate="gate")
    scene.running(name)
    worker = scene.process_of(name, "work.py")
    worker.suspend()
    scene.hit()
    until(lambda: scene.laptop.lt("ps").stdout and worker.status() == psutil.STATUS_STOPPED, LONG, "frozen")
    assert scene.laptop.job(name)["state"] == "running"
    worker.resume()
    scene.open_gate()
    scene.finish(name)


def frozen_worker_stopped(scene: Scene) -> None:
    """A stop ends it all the same, and proves that it did."""
    name = scene.start(lines=100, gate="gate")
    scene.running(name)
    scene.process_of(name, "work.py").suspend()
    scene.hit()
    scene.laptop.lt("stop", name, "--grace", "2s", code=None)
    scene.finish(name, "cancelled")


def runaway(scene: Scene) -> None:
    """A worker that forks, leaves its session and ends: what it left is ended too."""
    (scene.laptop.work / "runaway.py").write_text(RUNAWAY)
    _ = scene.box
    name = scene.took(scene.laptop.run("box", "python3", "runaway.py"))
    scene.hit()
    scene.finish(name)


FAMILY = Family(
    "processes",
    "One supervisor owns an attempt; whoever else dies is replaced. After an end nothing of the job is alive.",
    (
        Row("supervisor killed", supervisor_killed),
        Row("bridge killed, three times", bridge_killed, quick=True, host="sshd"),
        Row("dispatcher killed, a job waiting", dispatcher_killed),
        Row("worker killed", worker_killed),
        Row("worker frozen and thawed", worker_frozen),
        Row("worker frozen and stopped", frozen_worker_stopped),
        Row("worker forks and leaves its session", runaway, quick=True, host="sshd"),
    ),
)
