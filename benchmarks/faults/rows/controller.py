"""The controller killed (SIGKILL) after every step that `engine/steps.py` names. A step without a row is an error."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene
from lt_controller.engine.steps import AskStep, PullStep, ResumeStep, Step, StopStep, StreamStep, SubmitStep, every_step
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


def asked(scene: Scene, step: Step) -> None:
    """A save and a removal. A script can't be asked to save, so what is asked to save is a training."""
    name = scene.start(lines=5, env=crash_at(step))
    scene.finish(name)
    scene.laptop.lt("rm", name, code=None, env=crash_at(step))
    crashed(scene, step)
    scene.laptop.lt("ps", code=None)
    until(lambda: scene.laptop.query("SELECT 1 FROM jobs WHERE name=? AND removed=1", name), LONG, "removed")
    folder = scene.roots[0] / "jobs" / str(scene.laptop.query("SELECT id FROM jobs")[0]["id"])
    until(lambda: not folder.exists(), LONG, "removed on the host")


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
        if not marker.exists():
            return False
        process = scene.laptop.controller()
        return process is None or process.create_time() > marker.stat().st_mtime

    until(dead, LONG, f"the controller dies at {step.value}")
    scene.hit()


SCRIPTS: dict[type[Step], Callable[[Scene, Step], None]] = {
    SubmitStep: submitted,
    StreamStep: submitted,
    PullStep: pulled,
    StopStep: stopped,
    ResumeStep: stopped,
    AskStep: asked,
}
SPECIAL: dict[Step, Callable[[Scene, Step], None]] = {AskStep.SAVE: saved}


def row_of(step: Step) -> Row:
    """The step's row. Raises KeyError for a kind of step that nobody has written a script for."""
    script = SPECIAL.get(step) or SCRIPTS[type(step)]
    quick = step not in SPECIAL
    return Row(f"killed at {step.value}", partial(script, step=step), host="sshd", quick=quick)


FAMILY = Family(
    "controller",
    "The controller is killed (SIGKILL) right after a step; the next command starts another, which carries on from the "
    "database. Each step of `engine/steps.py` has a row.",
    tuple(row_of(step) for step in every_step()),
)
