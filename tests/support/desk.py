"""A home with two hosts that were looked at, where what drivers do is played through without any host."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from lt_agent.protocol.records import ExitRecord
from lt_controller.client.stages import Pipeline
from lt_controller.engine.flows import Inside
from lt_controller.home import Home
from lt_controller.store import choices, intents, jobs
from lt_controller.store.times import now
from lt_controller.store.writer import Writer
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host

FACTS = (
    '{"root": "/r", "gpus": [], "python": "/usr/bin/python3", "machine": "x86_64", "libc": "glibc 2.36",'
    ' "pythons": [{"path": "/usr/bin/python3", "version": "3.11.2", "packages": {}}]}'
)
STAGES = """
version: 1
host: box
stages:
  a: {command: ['true'], outputs: [out]}
  b: {command: ['true'], needs: [a]}
  c: {command: ['true'], inputs: {made: job:a}}
  d: {command: ['true'], needs: [b, c], host: twin}
"""


class Desk:
    """A home with two hosts that were looked at, and the drivers' tools."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path / "home").make()
        self.work = path / "work"
        self.work.mkdir()
        self.writer = Writer(self.home.database)
        for name in ("box", "twin"):
            HostsFile(self.home.hosts_file).add(Host(name=name, address="127.0.0.1", port=1, user="nobody"))
            self.writer.run("", _look, name)
        self.client = Inside(self.home, lambda request: {})

    def run(self, text: str = STAGES) -> str:
        """The id of a pipeline that was asked for."""
        (self.work / "p.yaml").write_text(text)
        return str(self.client.run_pipeline(self.work / "p.yaml").job)

    def take_submits(self) -> None:
        """As the controller's loop does."""
        for intent in self.writer.run("", intents.pending_submits):
            self.writer.run("jobs", choices.take_submit, intent.id, intent.params)

    def end(self, job: str, state: str = "succeeded") -> None:
        self.writer.run("jobs", _end, job, state)

    def pipeline(self, identity: str) -> Pipeline:
        return self.client.pipeline(identity)

    def rows(self, sql: str) -> list[Any]:
        return [tuple(row) for row in self.client.reader.rows(sql)]

    def close(self) -> None:
        self.client.close()
        self.writer.close()


def _look(db: sqlite3.Connection, host: str) -> None:
    db.execute("INSERT INTO facts (host, time, data) VALUES (?,?,?)", (host, now(), FACTS))
    db.execute("INSERT INTO hosts (name, state, last_seen) VALUES (?,'reachable',?)", (host, now()))


def _end(db: sqlite3.Connection, job: str, state: str) -> None:
    jobs.end_attempt(db, job, 1, ExitRecord(state, "done"), 0.0)
    if state == "succeeded":
        db.execute(
            "INSERT INTO checkpoints (job_id, attempt, name, kind, size, manifest)"
            " VALUES (?, 1, 'files-1', 'files', 1, '{}')",
            (job,),
        )
