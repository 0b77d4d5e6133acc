"""Hundreds of hosts on one machine: one sshd, and for each host a root, a lease folder and a name of its own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import HOST, LT, Bench, until
from lt_controller.demo.sshd import PrivateSshd
from lt_controller.home import Home
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host

SUBMITTER = """\
import json, sys
from lt_controller.client import Client
hosts, times, argv = json.loads(sys.argv[1])
with Client() as client:
    print(json.dumps([client.run(host, argv).name for _ in range(times) for host in hosts]))
"""


class ManyHosts:
    """An LT_HOME with `count` hosts, all warm: the agent is there and their facts are known."""

    def __init__(self, bench: Bench, folder: Path, count: int) -> None:
        self.folder = folder
        self.names = [f"h{number:03d}" for number in range(count)]
        self.sshd = PrivateSshd(
            folder / "sshd", home=folder / "home", extra=["MaxStartups 1000", "MaxSessions 100"]
        ).start()
        self.home = Home(folder / "lt").make()
        self.home.known_hosts.write_text(self.sshd.host_key_line)
        self.home.known_hosts.chmod(0o600)
        self.environment = {**bench.environment, "LT_HOME": str(self.home.path)}
        self.work = folder / "work"
        self.work.mkdir()
        inventory = HostsFile(self.home.hosts_file)
        model = Host(
            name="h",
            address=self.sshd.address,
            port=self.sshd.port,
            user=self.sshd.user,
            key=str(self.sshd.client_key),
            python=sys.executable,
            variables={"OMP_NUM_THREADS": "1"},
        )
        for name in self.names:
            place = folder / name
            (place / "root" / "agents").mkdir(parents=True)
            inventory.add(replace(model, name=name, root=str(place / "root"), lease_dir=str(place / "lease")))
        self._warm(bench)

    def _warm(self, bench: Bench) -> None:
        """The bench's own host is as good as each of these: what is known of it and the agent there are copied."""
        self.lt("controller", "start")
        self.lt("controller", "stop")
        facts = bench.query("SELECT data FROM facts WHERE host=? ORDER BY time DESC LIMIT 1", HOST)[0][0]
        with sqlite3.connect(self.home.database) as db:
            for name in self.names:
                root = str(self.folder / name / "root")
                text = json.dumps({**json.loads(facts), "root": root})
                db.execute("INSERT INTO facts (host, time, data) VALUES (?, '2026-01-01T00:00:00Z', ?)", (name, text))
                shutil.copytree(bench.root / "agents", Path(root) / "agents", copy_function=os.link, dirs_exist_ok=True)
        db.close()

    def lt(self, *words: str) -> str:
        """What `lt WORDS` prints. Raises CalledProcessError."""
        done = subprocess.run(
            [LT, *words], check=True, capture_output=True, text=True, env=self.environment, cwd=self.work, timeout=600
        )
        return done.stdout

    def run_all(self, argv: Sequence[str], times: int = 1, hosts: Sequence[str] | None = None) -> list[str]:
        """Submits a command `times` times to each host, in one process, as a sweep does; the jobs' names."""
        what = json.dumps([list(hosts or self.names), times, list(argv)])
        done = subprocess.run(
            [sys.executable, "-c", SUBMITTER, what],
            check=True,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.work,
        )
        names: list[str] = json.loads(done.stdout)
        return names

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Rows of the database."""
        with sqlite3.connect(f"file:{self.home.database}?mode=ro", uri=True, timeout=30) as db:
            return db.execute(sql, values).fetchall()

    def count(self, state: str) -> int:
        """How many jobs are in that state."""
        return int(self.query("SELECT count(*) FROM jobs WHERE state=?", state)[0][0])

    def controller(self) -> psutil.Process:
        """The running controller."""
        return psutil.Process(self.status()["pid"])

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        found: dict[str, Any] = json.loads(self.lt("controller", "status", "--json"))
        return found

    def connected(self) -> int:
        """To how many hosts its bridges answer."""
        return sum(bool(host["connected"]) for host in self.status()["hosts"])

    def ssh_config(self) -> Path:
        """OpenSSH's configuration with a ControlMaster for each host, for the floors."""
        path = self.folder / "ssh_config"
        path.write_text(
            f"Host h*\n  HostName {self.sshd.address}\n  Port {self.sshd.port}\n  User {self.sshd.user}\n"
            f'  IdentityFile "{self.sshd.client_key}"\n  IdentitiesOnly yes\n  BatchMode yes\n'
            f'  UserKnownHostsFile "{self.home.known_hosts}"\n  StrictHostKeyChecking yes\n'
            f'  ControlMaster auto\n  ControlPath "{self.folder}/m-%n"\n  ControlPersist 900\n'
        )
        return path

    def stop_jobs(self) -> None:
        """Ends what still runs, by the marker that every process of a job carries."""
        ids = {row[0] for row in self.query("SELECT id FROM jobs WHERE state IN ('running','preparing','waiting')")}
        for process in psutil.process_iter():
            try:
                if process.environ().get("LT_JOB") in ids:
                    process.kill()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        live = "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded','failed','lost','cancelled')"
        until(lambda: not self.query(live)[0][0], 300, every=0.2)

    def close(self) -> None:
        """Ends the controller, the ControlMasters and sshd."""
        subprocess.run([LT, "controller", "stop"], env=self.environment, capture_output=True, check=False)
        for socket in self.folder.glob("m-*"):
            argv = ["ssh", "-F", str(self.folder / "ssh_config"), "-O", "exit", socket.name[2:]]
            subprocess.run(argv, capture_output=True, check=False)
        self.sshd.stop()


@contextmanager
def many_hosts(bench: Bench, count: int) -> Iterator[ManyHosts]:
    """`count` warm hosts, taken away at the end."""
    folder = bench.folder / "many"
    made = ManyHosts(bench, folder, count)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
