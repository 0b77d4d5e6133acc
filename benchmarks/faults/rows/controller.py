"""The controller killed (SIGKILL) after every step that `engine/steps.py` names. A step without a row is an error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene
from lt_controller.engine.steps import Step, every_step
from support.wait import until


def submitted(scene: Scene, step: Step) -> None:
    """A job, its controller killed on the way there, or while its record comes home."""
    name = scene.start(lines=60, env=crash_at(step))
    crashed(scene, step)
    scene.finish(name)
    scene.laptop.lt("controller", "start")  # what the crash left undone, the next one does
    kept = scene.laptop.home / "runs" / name / ".lt" / "1" / "log"
    until(lambda: kept.exists() and kept.read_bytes() == scene.laptop.log(name), LONG, "the run's own log at home")


def pulled(scene: Scene, step: Step) -> None:
    """A job whose files come home, its controller killed on their way."""
    name = scene.start(lines=20, parts=2, size=1_500_000, pull=True, env=crash_at(step))
    crashed(scene, step)
    scene.finish(name, pulled=True)
    parts = sorted(p.name for p in (scene.laptop.home / "runs" / name / "files").rglob("part-*"))
    assert parts == ["part-1", "part-2"], parts


def replaced(scene: Scene, step: Step) -> None:
    """A command that is begun anew: its new files take the place of those that it made before, which stay beside."""
    name = scene.start(lines=20, parts=2, size=200_000, pull=True)
    scene.finish(name, pulled=True)
    home = scene.laptop.home / "runs" / name
    before = {path.name: path.read_bytes() for path in (home / "files").rglob("part-*")}
    scene.laptop.lt("controller", "stop")
    until(lambda: scene.laptop.controller() is None, LONG, "the controller has left")
    scene.laptop.lt("resume", name, code=None, env=crash_at(step))
    crashed(scene, step)
    scene.finish(name)
    until(lambda: (home / "files.1").is_dir(), LONG, "what was made before is beside it")
    until(lambda: scene.laptop.job(name)["pull_state"] == "pulled", LONG, "both are at home")
    assert before == {path.name: path.read_bytes() for path in (home / "files.1").rglob("part-*")}


def stopped(scene: Scene, step: Step) -> None:
    """A pause, its controller killed on the way; then a resume."""
    name = scene.start(lines=10, gate="gate", env=crash_at(step))
    scene.running(name)
    scene.laptop.lt("pause", name, code=None, env=crash_at(step))
    scene.finish(name, "paused")
    scene.open_gate()
    scene.laptop.lt("resume", name, code=None, env=crash_at(step))
    crashed(scene, step)
    scene.finish(name)
    assert scene.laptop.job(name)["attempt"] == 2


def removed(scene: Scene, step: Step) -> None:
    """A job that is forgotten, its files on the host with it."""
    name = scene.start(lines=5, env=crash_at(step))
    scene.finish(name)
    scene.laptop.lt("rm", name, code=None, env=crash_at(step))
    crashed(scene, step)
    scene.laptop.lt("ps", code=None)
    until(lambda: scene.laptop.query("SELECT 1 FROM jobs WHERE name=? AND removed=1", name), LONG, "removed")
    folder = scene.roots[0] / "jobs" / str(scene.laptop.query("SELECT id FROM jobs")[0]["id"])
    until(lambda: not folder.exists(), LONG, "removed on the host")


def cleared(scene: Scene, step: Step) -> None:
    """A job whose files are at home, and that is cleared from its host."""
    name = scene.start(lines=5, parts=1, pull=True, env=crash_at(step))
    scene.finish(name, pulled=True)
    folder = scene.attempt(name)
    scene.laptop.lt("gc", "box", "--older", "0s", "--yes", code=None, env=crash_at(step))
    crashed(scene, step)
    scene.laptop.lt("ps", code=None)
    until(lambda: not scene.laptop.requests(), LONG, "nothing is asked any more")
    assert not folder.exists() and scene.laptop.job(name)["state"] == "succeeded"


def hurried(scene: Scene, step: Step) -> None:
    """A job that waits for its turn, and is given another priority."""
    first = scene.start(lines=10, gate="gate", env=crash_at(step))
    scene.running(first)
    second = scene.start(lines=10)
    scene.laptop.wait_state(second, "waiting", timeout=LONG)
    scene.laptop.lt("priority", second, "7", code=None, env=crash_at(step))
    crashed(scene, step)
    scene.laptop.lt("ps", code=None)
    until(lambda: not scene.laptop.requests(), LONG, "nothing is asked any more")
    assert scene.laptop.job(second)["priority"] == 7
    scene.open_gate()
    scene.finish(first)
    scene.finish(second)


def moved(scene: Scene, step: Step) -> None:
    """A job for either of two full hosts, that goes to the other one when that has room."""
    _ = scene.box
    twin = scene.machine("twin")
    held = {host: scene.start(host, lines=10, gate=f"gate {host}", env=crash_at(step)) for host in ("box", "twin")}
    for name in held.values():
        scene.running(name)
    name = scene.start("box,twin", lines=10)
    here = scene.laptop.wait_state(name, "waiting", timeout=LONG)["host"]
    until(lambda: scene.laptop.job(name)["waits"], LONG, "its host has told why it waits")
    other = "twin" if here == "box" else "box"
    scene.open_gate(f"gate {other}", twin.disk if other == "twin" else scene.disk)
    scene.finish(held[other])
    crashed(scene, step)
    row = scene.finish(name)
    assert (row["host"], row["attempt"]) == (other, 2)
    scene.open_gate(f"gate {here}", twin.disk if here == "twin" else scene.disk)
    scene.finish(held[here])


def fenced(scene: Scene, step: Step) -> None:
    """A host that is given up while it runs a job: it is told to stop it."""
    name = scene.start(lines=10, gate="gate", env=crash_at(step))
    scene.running(name)
    job = str(scene.laptop.job(name)["id"])
    scene.laptop.lt("host", "retire", "box", code=None, env=crash_at(step))
    crashed(scene, step)
    scene.laptop.lt("ps", code=None)
    until(lambda: (scene.roots[0] / "jobs" / job / "1" / "exit.json").exists(), LONG, "it was stopped there")
    until(lambda: not scene.laptop.requests(), LONG, "nothing is asked any more")
    assert scene.laptop.job(name)["state"] == "lost"


def saved(scene: Scene, step: Step) -> None:
    """A training that is asked to save."""
    from benchmarks.faults.training import START_LIMIT, train

    name = train(scene, "train.max_steps=40", env=crash_at(step))
    until(lambda: scene.laptop.metrics(name, "loss"), START_LIMIT, "the first step")
    scene.laptop.lt("save", name, code=None, env=crash_at(step))
    crashed(scene, step)
    scene.finish(name, timeout=START_LIMIT, pulled=True)
    assert scene.laptop.checkpoints(name)


def crash_at(step: Step) -> dict[str, str]:
    """What makes the controller of a command kill itself once it has passed the step."""
    return {"LT_CRASH_AT": step.value}


def crashed(scene: Scene, step: Step) -> None:
    """Waits until the controller has passed the step and died of it."""
    marker = scene.laptop.home / f"crashed-{step.value}"

    def dead() -> bool:
        victim = marker.read_text() if marker.exists() else ""
        process = scene.laptop.controller() if victim else None
        return bool(victim) and (process is None or process.pid != int(victim))

    until(dead, LONG, f"the controller dies at {step.value}")
    scene.hit()


def recovered(scene: Scene, step: Step) -> None:
    """A laptop without its database and with another identity, that takes over what its host has."""
    ended = scene.start(lines=20)
    scene.finish(ended)
    name = scene.start(lines=20, gate="gate")
    scene.running(name)
    scene.laptop.lt("controller", "stop")
    until(lambda: scene.laptop.controller() is None, LONG, "the controller has left")
    for path in [*scene.laptop.home.glob("lt.db*"), scene.laptop.home / "owner"]:
        path.unlink()
    scene.laptop.lt("recover", "box", "--adopt-all", code=None, env=crash_at(step))
    crashed(scene, step)
    scene.laptop.lt("recover", "box", "--adopt-all", code=None)
    until(lambda: scene.laptop.job(name) and scene.laptop.job(ended), LONG, "both jobs are known again")
    scene.open_gate()
    scene.finish(name)
    scene.finish(ended)


# By a step's name, else by its first word.
SCRIPTS: dict[str, Callable[[Scene, Step], None]] = {
    "submit": submitted,
    "stream": submitted,
    "pull": pulled,
    "pull-cleared": replaced,
    "stop": stopped,
    "resume": stopped,
    "save": saved,
    "remove": removed,
    "clear": cleared,
    "priority": hurried,
    "move": moved,
    "fence": fenced,
    "recover": recovered,
}
SLOW = ("save", "clear", "priority", "move")  # a training, two jobs, or machines


def row_of(step: Step) -> Row:
    """The step's row. Raises KeyError for a kind of step that nobody has written a script for."""
    kind = step.value.partition("-")[0]
    script = SCRIPTS.get(step.value) or SCRIPTS[kind]
    host = "machine" if kind == "move" else "sshd"
    return Row(f"killed at {step.value}", partial(script, step=step), host=host, quick=kind not in SLOW)


FAMILY = Family(
    "controller",
    "The controller is killed (SIGKILL) right after a step; the next command starts another, which carries on from the "
    "database. Each step of `engine/steps.py` has a row.",
    tuple(row_of(step) for step in every_step()),
)
