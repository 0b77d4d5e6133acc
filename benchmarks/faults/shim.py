"""`shim.c`, compiled once a run: a clock that is off, a file system that has gone read-only, a quota."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.faults.model import Skip
from benchmarks.faults.scene import Scene
from support.machine import Machine

SOURCE = Path(__file__).with_name("shim.c")


class Shim:
    """Two switches of a host whose every process has the shim before its C library."""

    def __init__(self, scene: Scene) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise Skip("no C compiler for shim.c")
        library = scene.folder / "shim.so"
        self._clock, self._disk = scene.folder / "clock", scene.folder / "disk-errno"
        words = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(SOURCE), "-ldl"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"shim.c does not compile here: {done.stderr[-200:]}")
        self.disk = scene.folder / "disk"
        self.variables = {
            "LD_PRELOAD": str(library),
            "FAULTS_CLOCK": str(self._clock),
            "FAULTS_DISK": str(self._disk),
            "FAULTS_UNDER": str(self.disk / ".lt-agent" / "jobs"),
        }

    def machine(self, scene: Scene) -> Machine:
        """The row's host, with the shim in every session."""
        return scene.machine(variables=self.variables, disk=self.disk)

    def set_clock(self, seconds: int) -> None:
        """The host's wall clock is off by so much from now on."""
        aside = self._clock.with_suffix(".new")
        aside.write_text(f"{seconds}\n")
        aside.replace(self._clock)

    def break_disk(self, number: int) -> None:
        """Writing in the jobs' folders fails with this errno from now on."""
        self._disk.write_text(f"{number}\n")

    def mend_disk(self) -> None:
        """It works again."""
        self._disk.unlink()
