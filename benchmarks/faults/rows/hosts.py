"""The host goes down and comes back: rebooted (a new boot id), or started anew as a container (the same one)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene
from benchmarks.faults.training import START_LIMIT, train
from support.laptop import tree_hashes
from support.machine import Machine
from support.wait import until

MANY = 4000  # small files, so that making the code ready takes a while
TRIES = 5
WAYS: dict[str, tuple[Callable[[Machine], None], str]] = {
    "host rebooted": (Machine.reboot, "host_rebooted"),
    "container restarted": (Machine.restart_container, "container_restarted"),
}


def while_preparing(scene: Scene, way: str) -> None:
    """Caught between the grant of a slot and the worker's start."""
    for number in range(MANY):
        (scene.laptop.work / f"file-{number % 40}").mkdir(exist_ok=True)
        (scene.laptop.work / f"file-{number % 40}" / str(number)).write_text(str(number))
    for _ in range(TRIES):
        name = scene.start(lines=10)
        until(lambda name=name: "preparing" in _states(scene, name), LONG, "preparing")  # type: ignore[misc]
        _down_and_up(scene, way)
        if "running" not in _states(scene, name):
            scene.hit()
            _lost_and_resumed(scene, name, way)
            return
        scene.finish(name, "lost", "succeeded")
    raise AssertionError(f"not once in {TRIES} tries was the job met while it was being prepared")


def while_running(scene: Scene, way: str) -> None:
    """In the middle of the work."""
    name = scene.start(lines=50, parts=2, gate="gate", pull=True)
    scene.running(name)
    _down_and_up(scene, way)
    scene.hit()
    scene.open_gate()
    _lost_and_resumed(scene, name, way)


def while_saving(scene: Scene, way: str) -> None:
    """A training, caught while a checkpoint's files are there and its manifest is not."""
    words = ("train.max_steps=30", "save.save_steps=5", "save.pull=all", "save.save_total_limit=20")
    name = train(scene, *words)
    scene.laptop.wait_state(name, "running", timeout=START_LIMIT)
    out, manifests = scene.attempt(name) / "out", scene.attempt(name) / "manifests"

    def half_done() -> str:
        whole = {path.stem for path in manifests.glob("checkpoint-*.json")}
        fresh = [path.name for path in out.glob("checkpoint-*") if path.name not in whole]
        return fresh[0] if whole and fresh else ""

    half = until(half_done, START_LIMIT, "a checkpoint that is being saved")
    _down_and_up(scene, way)
    scene.hit()
    attempt = scene.attempt(name)
    scene.finish(name, "lost", timeout=LONG)
    for path in manifests.glob("*.json"):
        _is_whole(attempt, path)
    scene.result.note = f"{half} had {'a' if (manifests / f'{half}.json').exists() else 'no'} manifest"
    scene.laptop.lt("resume", name)
    scene.finish(name, timeout=START_LIMIT, pulled=True)
    assert sorted(scene.laptop.metrics(name, "loss")) == list(range(1, 31))


def _is_whole(attempt: Path, manifest: Path) -> None:
    value = json.loads(manifest.read_bytes())
    expected = {entry["path"]: entry["sha256"] for entry in value["files"]}
    assert tree_hashes(attempt / value["base"]) == expected, f"{manifest.name} lists what is not there"


def _down_and_up(scene: Scene, way: str) -> None:
    down_and_up, _ = WAYS[way]
    down_and_up(scene.is_machine)


def _lost_and_resumed(scene: Scene, name: str, way: str) -> None:
    row = scene.finish(name, "lost")
    assert row["reason"] == WAYS[way][1], row["reason"]
    scene.laptop.lt("resume", name)
    scene.finish(name)
    assert scene.laptop.job(name)["attempt"] == 2


def _states(scene: Scene, name: str) -> list[str]:
    found: list[str] = []
    with contextlib.suppress(AssertionError, KeyError, OSError, ValueError):
        for line in (scene.attempt(name, 1) / "events.jsonl").read_bytes().splitlines():
            event = json.loads(line)
            found += [event["params"]["state"]] if event["code"] == "state" else []
    return found


FAMILY = Family(
    "hosts",
    "A job is called lost only on proof, with the true reason; it goes on as a new attempt from the last complete "
    "checkpoint. The machine is a set of namespaces whose process 1 is killed; its disk stays. The boot id is a file "
    "bound over the kernel's.",
    tuple(
        Row(f"{way} while {phase}", partial(inject, way=way), quick=phase == "running")
        for phase, inject in (
            ("preparing", while_preparing),
            ("running", while_running),
            ("saving a checkpoint", while_saving),
        )
        for way in WAYS
    ),
)
