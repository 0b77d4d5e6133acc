"""What every measure stands on: a private sshd, an LT_HOME with that host warm, a ControlMaster for the floors."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from lt_controller.demo.sshd import PrivateSshd
from lt_controller.home import Home
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host

LT = str(Path(sys.executable).with_name("lt"))
HOST = "bench"


@dataclass(frozen=True)
class Row:
    """One line of the table. `met` is None for a figure that has no goal and only explains another."""

    measure: str
    floor: str
    result: str
    goal: str
    met: bool | None
    note: str = ""


class Bench:
    """A laptop and a host on one machine. `runs` is how often a measure repeats for its median."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self.work = folder / "work"
        self.work.mkdir()
        self.sshd = PrivateSshd(folder / "sshd", home=folder / "host home", extra=_sftp()).start()
        self.home = Home(folder / "lt").make()
        self.home.known_hosts.write_text(self.sshd.host_key_line)
        self.home.known_hosts.chmod(0o600)
        HostsFile(self.home.hosts_file).add(
            Host(
                name=HOST,
                address=self.sshd.address,
                port=self.sshd.port,
                user=self.sshd.user,
                key=str(self.sshd.client_key),
                lease_dir=str(folder / "lease"),
                python=sys.executable,
                variables={"OMP_NUM_THREADS": "1"},
            )
        )
        self._ssh_config = folder / "ssh_config"
        self._ssh_config.write_text(
            f"Host {HOST}\n  HostName {self.sshd.address}\n  Port {self.sshd.port}\n  User {self.sshd.user}\n"
            f'  IdentityFile "{self.sshd.client_key}"\n  IdentitiesOnly yes\n'
            f'  UserKnownHostsFile "{self.home.known_hosts}"\n  StrictHostKeyChecking yes\n  BatchMode yes\n'
            f'  ControlMaster auto\n  ControlPath "{folder}/%C"\n  ControlPersist 600\n'
        )

    @property
    def root(self) -> Path:
        """The host's `root` as a folder of this machine."""
        return self.sshd.home / ".lt-agent"

    @property
    def environment(self) -> dict[str, str]:
        """What `lt` gets."""
        # Installed programs are compiled once; a shell that forbids that would have every start compile anew.
        base = {k: v for k, v in os.environ.items() if not k.startswith("LT_") and k != "PYTHONDONTWRITEBYTECODE"}
        return {**base, "LT_HOME": str(self.home.path), "LT_LANG": "en", "OMP_NUM_THREADS": "1"}

    # --- the floors ---

    @property
    def ssh(self) -> list[str]:
        """`ssh` over the warm ControlMaster, up to and with the host's name."""
        return ["ssh", "-F", str(self._ssh_config), HOST]

    def rsync(self, *words: str) -> list[str]:
        """`rsync` over the same connection; the remote side is `bench:…`."""
        return ["rsync", "-e", f"ssh -F {self._ssh_config}", *words]

    # --- lt ---

    def lt(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs `lt`; raises RuntimeError with what it said if it fails."""
        done = subprocess.run(
            [LT, *words], check=False, capture_output=True, text=True, env=self.environment, cwd=self.work, timeout=600
        )
        if done.returncode != 0:
            raise RuntimeError(f"lt {' '.join(words)} -> {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def run(self, *argv: str, options: Sequence[str] = ()) -> str:
        """`lt run bench OPTIONS -- ARGV`; the job's name."""
        return str(json.loads(self.lt("run", HOST, *options, "--json", "--", *argv).stdout)["name"])

    def submit(self, *words: str) -> str:
        """`lt submit bench WORDS`; the job's name."""
        return str(json.loads(self.lt("submit", HOST, *words, "--json").stdout)["name"])

    def query(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Rows of the database."""
        with sqlite3.connect(f"file:{self.home.database}?mode=ro", uri=True, timeout=30) as db:
            db.row_factory = sqlite3.Row
            return db.execute(sql, values).fetchall()

    def job(self, name: str) -> dict[str, Any]:
        """The job's row, or nothing before the controller has taken it."""
        rows = self.query("SELECT * FROM jobs WHERE name=?", name)
        return dict(rows[0]) if rows else {}

    def attempt_folder(self, name: str) -> Path:
        """The job's first attempt on the host."""
        return self.root / "jobs" / self.job(name)["id"] / "1"

    def controller(self) -> psutil.Process:
        """The running controller."""
        return psutil.Process(json.loads(self.lt("controller", "status", "--json").stdout)["pid"])

    def warm_up(self) -> None:
        """Connects both ways once, so that no measure pays for a first time."""
        subprocess.run([*self.ssh, "true"], check=True)
        name = self.run("true")
        self.lt("wait", name)

    def close(self) -> None:
        """Ends the controller, the ControlMaster and sshd."""
        subprocess.run([LT, "controller", "stop"], env=self.environment, capture_output=True, check=False)
        subprocess.run([*self.ssh[:-1], "-O", "exit", HOST], capture_output=True, check=False)
        self.sshd.stop()


def _sftp() -> list[str]:
    """SFTP as every stock sshd has it: lt does not need it, those measured beside it do.

    The program and not sshd's own `internal-sftp`: a session of this sshd is a shell's, which runs programs.
    """
    places = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server")
    return [f"Subsystem sftp {place}" for place in places if os.path.exists(place)][:1]


@contextmanager
def bench(runs: int) -> Iterator[Bench]:
    """A warm `Bench` in a temporary folder, taken away at the end."""
    folder = Path(tempfile.mkdtemp(prefix="lt-bench-"))
    made = Bench(folder, runs)
    try:
        made.warm_up()
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def until(check: Callable[[], Any], timeout: float = 120.0, every: float = 0.005) -> Any:
    """The first true value of `check()`. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s")
        time.sleep(every)


def timed(argv: Sequence[str], **options: Any) -> float:
    """Seconds that a command takes. Raises CalledProcessError if it fails."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, **{"stdout": subprocess.DEVNULL, **options})
    return time.perf_counter() - began


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """By the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def spread(values: Sequence[float], unit: float = 1.0, digits: int = 2) -> str:
    """`median (lowest–highest)`."""
    low, middle, high = (f"{value * unit:.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} ({low}–{high})"
