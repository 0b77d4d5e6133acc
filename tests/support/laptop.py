"""`Laptop`: a person's machine with its own LT_HOME, who types `lt` commands. What the end-to-end tests drive."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from lt_inventory.model import Host
from support.wait import until

LT = str(Path(sys.executable).with_name("lt"))


@dataclass
class Laptop:
    """One LT_HOME and the folder its person stands in. `variables` go into every command's environment."""

    home: Path
    work: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a command gets: nothing of the tester's own lt, plain English, no colour."""
        base = {k: v for k, v in os.environ.items() if not k.startswith("LT_")}
        return {
            **base,
            "LT_HOME": str(self.home),
            "LT_LANG": "en",
            "NO_COLOR": "1",
            "COLUMNS": "160",
            "OMP_NUM_THREADS": "1",
            **self.variables,
            **(more or {}),
        }

    def lt(
        self,
        *words: str | os.PathLike[str],
        code: int | None = 0,
        timeout: float = 300,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs `lt WORDS` to its end. Fails if it exits with anything but `code` (None: anything will do).

        A traceback on a person's screen is a fault whatever the exit code.
        """
        done = subprocess.run(
            [LT, *map(os.fspath, words)],
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            env=self.environment(env),
            cwd=cwd or self.work,
            check=False,
        )
        told = f"lt {' '.join(map(str, words))} -> {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        assert code is None or done.returncode == code, told + self.controller_log()
        assert "Traceback" not in done.stderr, told
        return done

    def start(self, *words: str, stdout: Any = subprocess.PIPE, env: Mapping[str, str] | None = None) -> Any:
        """`lt WORDS` in the background; the caller ends it."""
        return subprocess.Popen(
            [LT, *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=self.environment(env),
            cwd=self.work,
        )

    def add_host(self, host: Host, python: str | None = sys.executable) -> None:
        """Writes the host into `hosts.toml`, with this Python for its jobs and one thread for their arithmetic."""
        from lt_inventory.hosts_file import HostsFile

        variables = {**host.variables, "OMP_NUM_THREADS": "1"}
        HostsFile(self.home / "hosts.toml").add(replace(host, python=python, variables=variables))

    def own_local(self) -> None:
        """Gives host `local` a folder and leases of this laptop's own; the usual ones are everybody's here."""
        from lt_inventory.hosts_file import HostsFile
        from lt_inventory.model import local_host

        place = self.home.parent / "local host"
        host = local_host(root=str(place / "root"), lease_dir=str(place / "lease"))
        HostsFile(self.home / "hosts.toml").update(host)

    def submit(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """`lt submit WORDS`; the job's name."""
        return self._named(self.lt("submit", *words, "--json", env=env).stdout)

    def run(self, host: str, *argv: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None) -> str:
        """`lt run HOST OPTIONS -- ARGV`; the job's name."""
        return self._named(self.lt("run", host, *options, "--json", "--", *argv, env=env).stdout)

    @staticmethod
    def _named(stdout: str) -> str:
        return str(json.loads(stdout)["name"])

    # --- what the database says ---

    def query(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Rows of the laptop's database, read by a connection of its own."""
        path = self.home / "lt.db"
        if not path.exists():
            return []
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as db:
            db.row_factory = sqlite3.Row
            return db.execute(sql, values).fetchall()

    def job(self, name: str) -> dict[str, Any]:
        """The job's row; empty before the controller has taken it."""
        rows = self.query("SELECT * FROM jobs WHERE name=?", name)
        return dict(rows[0]) if rows else {}

    def wait_state(self, name: str, *states: str, timeout: float = 60) -> dict[str, Any]:
        """The job's row once it is in one of `states`."""

        def there() -> dict[str, Any] | None:
            row = self.job(name)
            return row if row.get("state") in states else None

        try:
            return dict(until(there, timeout) or {})
        except AssertionError:
            raise AssertionError(
                f"{name} not {states} within {timeout} s: {self.job(name)}\n{self.log(name)[-3000:]!r}"
                + self.controller_log()
            ) from None

    def wait_by_command(self, name: str, *states: str, timeout: float = 60) -> dict[str, Any]:
        """As `wait_state`, typing `lt ps` as a person would: it starts a controller where none runs."""

        def there() -> bool:
            if self.controller() is None:
                self.lt("ps")
            return self.job(name).get("state") in states

        until(there, timeout, f"{name} in {states}")
        return self.job(name)

    def log(self, name: str, attempt: int | None = None) -> bytes:
        """The log bytes at home, checked to be without gap or overlap."""
        job = self.job(name)
        rows = self.query(
            "SELECT offset, data FROM logs WHERE job_id=? AND attempt=? ORDER BY offset",
            job.get("id"),
            attempt or job.get("attempt"),
        )
        data = b""
        for row in rows:
            assert row["offset"] == len(data), f"log of {name} has a gap or an overlap at {len(data)}: {row['offset']}"
            data += row["data"]
        return data

    def metrics(self, name: str, metric: str, attempt: int | None = None) -> dict[int, float]:
        """Step → value of one metric, of one attempt or of all, later attempts winning."""
        rows = self.query(
            "SELECT step, value FROM metrics WHERE job_id=? AND name=? AND (? IS NULL OR attempt=?) ORDER BY attempt",
            self.job(name).get("id"),
            metric,
            attempt,
            attempt,
        )
        return {row["step"]: row["value"] for row in rows}

    def checkpoints(self, name: str) -> dict[str, dict[str, Any]]:
        """Name → row of the job's checkpoints."""
        rows = self.query("SELECT * FROM checkpoints WHERE job_id=? ORDER BY attempt, step", self.job(name).get("id"))
        return {row["name"]: dict(row) for row in rows}

    def requests(self) -> list[dict[str, Any]]:
        """What was asked and is not carried out yet."""
        return [dict(row) for row in self.query("SELECT * FROM intents WHERE state IN ('pending', 'doing')")]

    # --- its processes ---

    def controller(self) -> psutil.Process | None:
        """The controller that runs for this home, if one does."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end while it is looked at
                found += [process] if _is_controller(process) else []
        # A child that has not become rsync yet looks like its parent.
        pids = {process.pid for process in found}
        found = [process for process in found if _parent(process) not in pids]
        assert len(found) < 2, f"two controllers: {found}"
        return found[0] if found else None

    def kill_controller(self) -> None:
        """SIGKILL, as a crash or a flat battery would."""
        process = until(self.controller, 10, "no controller to kill")
        assert process is not None
        process.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 10, "controller killed")

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started for this home: its environment says so."""
        return [p for p in psutil.process_iter() if _environ(p).get("LT_HOME") == str(self.home)]

    def controller_log(self) -> str:
        """Its tail, for messages of failed tests."""
        try:
            return "\n--- controller.log\n" + (self.home / "controller.log").read_text(errors="replace")[-4000:]
        except OSError:
            return ""


def processes_under(folder: Path) -> list[psutil.Process]:
    """Living processes of a host whose files lie in `folder`: agents by their command line, jobs by their folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.environ().get("LT_OUT", ""), process.environ().get("LT_HOME", "")]
            if process.status() != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in words):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [process for process in found if process.pid != os.getpid()]


def job_processes(job: str) -> list[psutil.Process]:
    """Living processes that carry the job's marker."""
    return [p for p in psutil.process_iter() if _environ(p).get("LT_JOB") == job and p.status() != psutil.STATUS_ZOMBIE]


def tree_hashes(folder: Path) -> dict[str, str]:
    """Relative path → sha256 of every file under `folder`."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return {}


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return 0


def _is_controller(process: psutil.Process) -> bool:
    try:
        return "lt_controller.engine" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
