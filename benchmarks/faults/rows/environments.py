"""The host's disk full in the middle of building a job's environment."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path

from benchmarks.faults.model import Family, Row
from benchmarks.faults.rows.disks import fill
from benchmarks.faults.scene import Scene
from benchmarks.faults.training import START_LIMIT, train
from lt_inventory.hosts_file import HostsFile

SIZE = 60_000_000  # bytes of the package that does not fit
WORDS = ("train.max_steps=2", "resources.disk_floor=0")


def disk_full(scene: Scene) -> None:
    """The job fails, and says why; the half-built environment is never used, and with room again it is built."""
    wheels = scene.folder / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "faultsmall", b"")
    make_wheel(wheels, "faultlarge", os.urandom(SIZE))
    machine = scene.machine(disk_mb=900, known=False)
    machine.known_in(scene.home)
    offline = {"UV_OFFLINE": "1", "UV_NO_INDEX": "1"}
    scene.laptop.add_host(replace(machine.host, find_links=(str(wheels),), variables=offline))
    assert HostsFile(scene.laptop.home / "hosts.toml").load()["box"].find_links

    warm = train(scene, *WORDS, "env.packages=[faultsmall==1.0]")  # brings uv, and shows that it can be done
    scene.finish(warm, timeout=START_LIMIT)
    filler = fill(scene.disk, leave=SIZE // 2)
    name = train(scene, *WORDS, "env.packages=[faultlarge==1.0]")
    row = scene.finish(name, "failed", timeout=START_LIMIT)
    scene.hit()
    assert row["reason"] == "disk_full", (row["reason"], row["message"])
    filler.unlink()
    scene.laptop.lt("resume", name)
    scene.finish(name, timeout=START_LIMIT)


def make_wheel(folder: Path, name: str, data: bytes) -> None:
    """A package of one module and a file of `data`, which does not compress."""
    info = f"{name}-1.0.dist-info"
    files: dict[str, bytes] = {
        f"{name}.py": b"",
        f"{name}.bin": data,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: faults\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


FAMILY = Family(
    "environments",
    "An environment exists when it is complete: what a full disk cut short is made anew.",
    (Row("host's disk full while building an environment", disk_full),),
)
