"""What a row stands on: a laptop with an empty LT_HOME, a host, jobs that run there, and eyes on both."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.faults.audit import audit, falsely_ended
from benchmarks.faults.model import Result, Row, Skip
from lt_controller.home import Home
from support.laptop import LT, Laptop, processes_under
from support.machine import Machine, why_not
from support.sshd import SshHost, find_sshd, make_host
from support.wait import until

WORK = Path(__file__).with_name("work.py")
LONG = 120.0  # seconds: what a job and its files may take (`until` waits longer on a busy machine)
WATCH_EVERY = 0.1


class Scene:
    """One row's world. `inject` functions use `start`, `hit`, `open_gate`, `finish`; the rest is for the harness."""

    def __init__(self, folder: Path, row: Row, result: Result) -> None:
        self.folder = folder
        self.result = result
        self.later = ExitStack()
        work = folder / "work"
        work.mkdir(parents=True)
        shutil.copy(WORK, work)
        self.laptop = Laptop(folder / "lt home", work)
        self.laptop.home.mkdir(mode=0o700)
        self.home = Home(self.laptop.home)
        self.disks: list[Path] = []  # the home folder of each host
        self.roots: list[Path] = []
        self.jobs: list[str] = []
        self._row = row
        self._box: Machine | SshHost | None = None

    # --- hosts ---

    @property
    def box(self) -> Machine | SshHost:
        """The host of this row, made at first use: a machine, or where the row allows it a private sshd."""
        if self._box is None:
            self._box = self.machine(**self._row.options) if self._row.host == "machine" else self._sshd()
        return self._box

    @property
    def disk(self) -> Path:
        """The home folder of the host."""
        _ = self.box
        return self.disks[0]

    @property
    def is_machine(self) -> Machine:
        """The host, where it must be a machine."""
        box = self.box
        assert isinstance(box, Machine)
        return box

    def machine(
        self, name: str = "box", *, disk: Path | None = None, disk_mb: int = 0, known: bool = True, **options: Any
    ) -> Machine:
        """A machine in the laptop's inventory. `disk_mb` gives it a small file system. Raises Skip without root."""
        if why_not():
            raise Skip(why_not())
        if disk_mb:
            disk = self.small_disk(f"{name} disk", disk_mb)
        made = Machine(self.folder / name, name=name, disk=disk, **options)
        self.later.callback(made.close)
        self._box = self._box or made
        self._remember(made.disk, made.root)
        if known:
            made.known_in(self.home)
            self.laptop.add_host(made.host)
        return made

    def _sshd(self) -> SshHost:
        if find_sshd() is None:
            raise Skip("OpenSSH's server is not installed")
        made = make_host(self.folder / "box", lt_home=self.laptop.home)
        self.later.callback(made.sshd.stop)
        self.later.callback(_end_processes, self.folder / "box")
        self._remember(made.sshd.home, made.root)
        self.laptop.add_host(made.host)
        return made

    def _remember(self, disk: Path | None, root: Path) -> None:
        assert disk is not None
        self.disks += [] if disk in self.disks else [disk]
        self.roots += [] if root in self.roots else [root]

    def small_disk(self, name: str, megabytes: int) -> Path:
        """A file system of its own. Raises Skip where none can be mounted."""
        folder = self.folder / name
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "lt-faults", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"mounting needs root: {done.stderr.strip()[-100:]}")
        self.later.callback(subprocess.run, ["umount", "-l", str(folder)], check=False)
        return folder

    # --- jobs ---

    def start(self, host: str = "box", *, pull: bool = False, env: dict[str, str] | None = None, **words: Any) -> str:
        """Runs `work.py` there; the job's name."""
        _ = self.box
        argv = ["python3", "work.py", *(f"{key}={value}" for key, value in words.items())]
        options = ["--pull", "out/**"] if pull else []
        return self.took(self.laptop.run(host, *argv, options=options, env=env))

    def took(self, name: str) -> str:
        """Counts a job of this row."""
        self.jobs.append(name)
        self.result.jobs += 1
        return name

    def hit(self) -> None:
        """A fault was injected."""
        self.result.injected += 1

    def open_gate(self, name: str = "gate", disk: Path | None = None) -> None:
        """Lets the jobs that wait for this file end."""
        ((disk or self.disk) / name).touch()

    def running(self, name: str, lines: int = 5) -> None:
        """Waits until the job runs and its first lines are at home."""
        self.laptop.wait_state(name, "running", timeout=LONG)
        until(lambda: self.laptop.log(name).count(b"\n") >= lines, LONG, f"{name}: {lines} lines at home")

    def finish(self, name: str, *states: str, timeout: float = LONG, pulled: bool = False) -> dict[str, Any]:
        """Waits for the job's end as a person would, who looks again and again; its row."""
        wanted = states or ("succeeded",)
        row = self.laptop.wait_by_command(name, *wanted, timeout=timeout)
        if pulled:
            until(lambda: self.laptop.job(name)["pull_state"] == "pulled", timeout, f"{name} is home")
        return row

    def attempt(self, name: str, number: int | None = None) -> Path:
        """The job's folder on the host."""
        job = self.laptop.job(name)
        for root in self.roots:
            folder = root / "jobs" / str(job["id"]) / str(number or job["attempt"])
            if folder.is_dir():
                return folder
        raise AssertionError(f"no host has {name}")

    def process_of(self, name: str, part: str) -> psutil.Process:
        """A living process of the job or the agent, by a word of its command line, as seen from here."""
        job = str(self.laptop.job(name)["id"])

        def find() -> psutil.Process | None:
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    words = process.cmdline()
                    if part in " ".join(words) and process.environ().get("LT_JOB") == job:
                        return process
            return None

        found = until(find, 30, f"{part} of {name}")
        assert found is not None
        return found

    def agents(self, word: str) -> list[psutil.Process]:
        """The agent's processes (`bridge`, `dispatch`) of this row's hosts."""
        found = []
        for process in processes_under(self.folder):
            with contextlib.suppress(psutil.Error):
                if word in process.cmdline()[1:]:
                    found.append(process)
        return found

    def supervisor(self, name: str) -> psutil.Process:
        """The job's supervisor: the dispatcher's child that holds its worker."""
        worker = self.process_of(name, "work.py")
        for process in worker.parents():
            with contextlib.suppress(psutil.Error):
                if "dispatch" in process.cmdline():
                    return process
        raise AssertionError("the worker has no supervisor")

    def state_of_host(self, host: str = "box") -> str:
        """What the laptop says of the host."""
        rows = self.laptop.query("SELECT state FROM hosts WHERE name=?", host)
        return str(rows[0]["state"]) if rows else ""

    # --- for the harness ---

    def check(self) -> None:
        """The audit of everything, once nothing moves any more."""
        audit(self.laptop, self.roots, self.disks, self.result)
        left = [p.pid for job in self.jobs for p in _marked(str(self.laptop.job(job).get("id"))) if self._at_rest(job)]
        if left:
            self.result.wrong.append(f"{len(left)} processes of an ended job live on")

    def _at_rest(self, name: str) -> bool:
        return bool(self.laptop.job(name).get("finished_at"))


@contextmanager
def scene(folder: Path, row: Row, result: Result) -> Iterator[Scene]:
    """A row's world; at its end everything is stopped and taken away."""
    made = Scene(folder, row, result)
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_EVERY):
            seen.update(falsely_ended(made.laptop, made.roots))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield made
    finally:
        over.set()
        watcher.join()
        result.wrong += sorted(seen)
        _close(made)


def _close(made: Scene) -> None:
    environment = made.laptop.environment()
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run([LT, "controller", "stop"], env=environment, capture_output=True, check=False, timeout=60)
    made.later.close()
    for process in [*made.laptop.processes(), *processes_under(made.folder)]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    shutil.rmtree(made.folder, ignore_errors=True)


def _end_processes(folder: Path) -> None:
    for process in processes_under(folder):
        with contextlib.suppress(psutil.Error):
            if "sshd" not in process.name():
                process.kill()


def _marked(job: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("LT_JOB") == job and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait(seconds: float) -> None:
    """Lets a fault last. The one place where time, and not an event, is waited for: that is what the row is about."""
    time.sleep(seconds)
