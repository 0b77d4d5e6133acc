"""Disks that are full, read-only, or up against a quota: the host's and the laptop's."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from pathlib import Path

from benchmarks.faults.model import Family, Row
from benchmarks.faults.scene import LONG, Scene
from benchmarks.faults.shim import Shim
from benchmarks.faults.training import START_LIMIT, train
from support.wait import until

DISK = {"disk_mb": 700}  # a job wants 256 MB free when it begins
FULL = ("disk_full", "exit_code")  # a script dies of its own failed write, or is stopped by the guard before


def fill(folder: Path, leave: int = 0) -> Path:
    """Takes all of the file system but `leave` bytes; the file to delete."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        size = 0
        for piece in (16 << 20, 1 << 20, 64 << 10, 4 << 10):  # others write here meanwhile, so no size is the right one
            with contextlib.suppress(OSError):
                while _free(folder) - piece >= leave:
                    os.posix_fallocate(file.fileno(), size, piece)
                    size += piece
    return filler


def _free(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def host_full_while_logging(scene: Scene) -> None:
    """The job fails, and says why; what it had written is home; with room again it can be resumed."""
    name = scene.start(lines=100, gate="gate")
    scene.running(name)
    filler = fill(scene.disk)
    scene.hit()
    row = scene.finish(name, "failed")
    assert row["reason"] in FULL, row["reason"]
    filler.unlink()
    scene.open_gate()
    scene.laptop.lt("resume", name)
    scene.finish(name)


def host_full_while_saving(scene: Scene) -> None:
    """No checkpoint is called one that was cut short by the disk."""
    name = train(scene, "train.max_steps=200", "save.save_steps=3", "save.pull=all", "save.save_total_limit=100")
    until(lambda: scene.laptop.checkpoints(name), START_LIMIT, "the first checkpoint")
    filler = fill(scene.disk, leave=3_000_000)  # less than one checkpoint
    scene.hit()
    row = scene.finish(name, "failed", timeout=START_LIMIT)
    assert row["reason"] == "disk_full", (row["reason"], row["message"])
    filler.unlink()
    until(lambda: scene.laptop.job(name)["pull_state"] == "pulled", LONG, "what was saved is home")


def laptop_full_while_pulling(scene: Scene) -> None:
    """It waits for room, says so, and then comes home."""
    runs = _runs_on_small_disk(scene, 100)
    name = scene.start(lines=20, parts=3, size=8_000_000, gate="gate", pull=True)
    scene.running(name)
    filler = fill(runs, leave=2_000_000)
    scene.hit()
    scene.open_gate()
    scene.finish(name)

    def told() -> bool:
        rows = scene.laptop.query("SELECT error, pull_state FROM checkpoints")
        assert not [row for row in rows if row["pull_state"] == "pulled"], "called pulled without room for it"
        return any("disk_full" in (row["error"] or "") for row in rows)

    until(told, LONG, "the laptop says that its disk is full")
    filler.unlink()
    scene.laptop.lt("pull", name, code=None)
    scene.finish(name, pulled=True)


def laptop_full_in_the_database(scene: Scene) -> None:
    """Nothing of what could not be stored is lost: the host has it until it can."""
    _home_on_small_disk(scene, 60)
    name = scene.start(lines=300, gate="gate")
    scene.running(name)
    filler = fill(scene.laptop.home)
    scene.hit()
    log = scene.attempt(name) / "log"
    there = log.stat().st_size
    until(lambda: log.stat().st_size > there + 20_000, LONG, "the job goes on")
    filler.unlink()
    scene.open_gate()
    scene.finish(name)


def read_only_before(scene: Scene) -> None:
    """A submit is refused in words, or waits; the disk is writable again, and there is one job."""
    warm = scene.start(lines=1)
    scene.finish(warm)
    until(lambda: _remount(scene.disk, "ro"), 60, "read-only")
    name = scene.start(lines=20)
    scene.hit()
    until(
        lambda: scene.laptop.job(name).get("state") == "failed" or scene.state_of_host() == "unreachable",
        LONG,
        "it is told",
    )
    _remount(scene.disk, "rw")
    row = scene.finish(name, "succeeded", "failed")
    scene.result.note = f"the job {row['state']}"


def broken_while_running(scene: Scene, number: int) -> None:
    """Writes fail in the middle of a job, then work again: the outcome is written as soon as it can be."""
    shim = Shim(scene)
    shim.machine(scene)
    name = scene.start(lines=100, gate="gate")
    scene.running(name)
    worker = scene.process_of(name, "work.py")
    shim.break_disk(number)
    scene.hit()
    until(lambda: not worker.is_running() or worker.status() == "zombie", LONG, "the job's own write fails")
    assert scene.laptop.job(name)["state"] in ("running", "failed")
    shim.mend_disk()
    scene.open_gate()
    scene.finish(name, "failed")
    scene.laptop.lt("resume", name)
    scene.finish(name)


def read_only(scene: Scene) -> None:
    """As after a disk's errors."""
    broken_while_running(scene, errno.EROFS)


def quota(scene: Scene) -> None:
    """As in a lab's home folder."""
    broken_while_running(scene, errno.EDQUOT)


def _remount(folder: Path, how: str) -> bool:
    return (
        subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], capture_output=True, check=False).returncode == 0
    )


def _runs_on_small_disk(scene: Scene, megabytes: int) -> Path:
    disk = scene.small_disk("laptop disk", megabytes)
    (scene.laptop.home / "runs").symlink_to(disk)
    return disk


def _home_on_small_disk(scene: Scene, megabytes: int) -> None:
    scene.laptop.home.rmdir()
    disk = scene.small_disk(scene.laptop.home.name, megabytes)
    disk.chmod(0o700)


FAMILY = Family(
    "disks",
    "A full disk fails what needs it, by its name, and nothing else; nothing half-written is called whole. Small disks "
    "are tmpfs mounts; errors in the middle of a job are put in by `benchmarks/faults/shim.c` before the C library.",
    (
        Row("host's disk full while logging", host_full_while_logging, options=DISK),
        Row("host's disk full while saving a checkpoint", host_full_while_saving, options=DISK),
        Row("laptop's disk full while pulling", laptop_full_while_pulling),
        Row("laptop's disk full in the database", laptop_full_in_the_database, quick=True),
        Row("host's disk read-only at submit", read_only_before, options=DISK),
        Row("host's disk read-only while running", read_only),
        Row("host's quota reached while running", quota),
    ),
)
